/** Bytes of the files of a request. */
export interface UploadProgress {
  sent: number
  total: number
}

export type OnProgress = (progress: UploadProgress) => void

/** The body of a request with files: github.com/jaydenseric/graphql-multipart-request-spec. */
export interface Multipart {
  form: FormData
  /** Of its files. */
  bytes: number
}

/** Null when there is no file in the variables. */
export function multipartOf(query: string, variables: unknown): Multipart | null {
  const files: { path: string; file: Blob }[] = []
  const withoutFiles = takeFiles(variables, 'variables', files)
  if (files.length === 0) return null
  const form = new FormData()
  form.set('operations', JSON.stringify({ query, variables: withoutFiles }))
  form.set('map', JSON.stringify(Object.fromEntries(files.map(({ path }, index) => [index, [path]]))))
  for (const [index, { file }] of files.entries()) form.set(String(index), file, nameOf(file))
  return { form, bytes: files.reduce((sum, { file }) => sum + file.size, 0) }
}

/** The value with null in the place of each file, which is noted with its path. */
function takeFiles(value: unknown, path: string, files: { path: string; file: Blob }[]): unknown {
  if (value instanceof Blob) {
    files.push({ path, file: value })
    return null
  }
  if (Array.isArray(value)) return value.map((item, index) => takeFiles(item, `${path}.${index}`, files))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, takeFiles(item, `${path}.${key}`, files)]),
  )
}

function nameOf(file: Blob): string {
  return 'name' in file && typeof file.name === 'string' ? file.name : 'file'
}

/** What is used of a browser's XMLHttpRequest, which alone tells there how far a request is. */
interface Xhr {
  open(method: string, url: string): void
  setRequestHeader(name: string, value: string): void
  send(body: FormData): void
  abort(): void
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null }
  onload: (() => void) | null
  onerror: (() => void) | null
  readonly status: number
  readonly responseText: string
  getResponseHeader(name: string): string | null
}

interface UploadRequest {
  url: string
  headers: Readonly<Record<string, string>>
  body: Multipart
  onProgress: OnProgress
  signal?: AbortSignal
}

/** Sends the files and tells how far they are: by XMLHttpRequest where there is one, else as a stream that is counted. */
export function upload(fetch: typeof globalThis.fetch, request: UploadRequest): Promise<Response> {
  const { XMLHttpRequest } = globalThis as { XMLHttpRequest?: new () => Xhr }
  return XMLHttpRequest === undefined
    ? uploadStream(fetch, request)
    : uploadByXhr(new XMLHttpRequest(), request)
}

function uploadStream(
  fetch: typeof globalThis.fetch,
  { url, headers, body, onProgress, signal }: UploadRequest,
): Promise<Response> {
  const encoded = new Response(body.form)
  let sent = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk)
      sent += chunk.length
      // The framing of the parts is in it, too.
      onProgress({ sent: Math.min(sent, body.bytes), total: body.bytes })
    },
  })
  return fetch(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': encoded.headers.get('content-type')! },
    body: encoded.body!.pipeThrough(counter),
    // A stream as a body must say so; not all types know it.
    ...({ duplex: 'half' } as object),
    signal,
  })
}

function uploadByXhr(xhr: Xhr, { url, headers, body, onProgress, signal }: UploadRequest): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      xhr.abort()
      reject(signal!.reason)
    }
    const over = () => signal?.removeEventListener('abort', abort)
    signal?.addEventListener('abort', abort, { once: true })
    xhr.open('POST', url)
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
    xhr.upload.onprogress = ({ loaded }) =>
      onProgress({ sent: Math.min(loaded, body.bytes), total: body.bytes })
    xhr.onload = () => {
      over()
      const type = xhr.getResponseHeader('content-type') ?? ''
      resolve(new Response(xhr.responseText, { status: xhr.status, headers: { 'content-type': type } }))
    }
    xhr.onerror = () => {
      over()
      reject(new TypeError('the connection failed'))
    }
    xhr.send(body.form)
  })
}
