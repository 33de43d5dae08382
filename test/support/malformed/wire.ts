import { connect } from 'node:net'

/** Whoever has no answer by then gets none. */
const MOST_MS = 60_000

/** An answer as it came over the wire. */
export interface Answer {
  status: number
  head: string
  body: string
}

/**
 * Sends bytes, and answers everything that comes until the server closes.
 * @param isWhole  whether the server closes by itself. Else it is asked something else first, so that it has taken up
 *   what was sent, and then told that nothing more comes: on which it answers nothing more.
 */
export async function exchange(
  url: string,
  pieces: readonly Uint8Array[],
  isWhole: boolean,
): Promise<Buffer> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: isWhole })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    // A subscription has no end of its own.
    if (chunk.includes('text/event-stream')) socket.destroy()
  })
  // The server may close before everything is sent.
  socket.on('error', () => {})
  const isLate = new Promise<boolean>((resolve) => {
    socket.once('end', () => socket.end()).once('close', () => resolve(false))
    socket.setTimeout(MOST_MS, () => resolve(true))
  })
  for (const piece of pieces) socket.write(piece)
  if (!isWhole) {
    for (let i = 0; i < 2; i++)
      await fetch(`${url}/graphql?query={__typename}`).then((response) => response.text())
    socket.end()
  }
  if (await isLate) {
    socket.destroy()
    throw new Error(`the server neither answers nor closes within ${MOST_MS / 1000} s`)
  }
  return Buffer.concat(chunks)
}

/** The answers in what came; those to HEAD have no body. */
export function answersIn(bytes: Buffer): Answer[] {
  const answers: Answer[] = []
  let rest = bytes
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    const head = rest.subarray(0, end === -1 ? rest.length : end).toString('latin1')
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1])
    if (rest.length === 0) return answers
    // Of an answer to HEAD the next head follows at once; and whatever is cut is no answer.
    if (end === -1 || Number.isNaN(status)) return answers
    rest = rest.subarray(end + 4)
    const [body, left] = rest.subarray(0, 7).equals(Buffer.from('HTTP/1.'))
      ? [Buffer.alloc(0), rest]
      : bodyIn(head, rest)
    answers.push({ status, head, body: body.toString() })
    rest = left
  }
}

function bodyIn(head: string, rest: Buffer): [body: Buffer, left: Buffer] {
  if (!/^transfer-encoding: *chunked/im.test(head)) {
    const length = Number(
      /^content-length: *(\d+)/im.exec(head)?.[1] ?? (/^HTTP\/1\.1 (1|204|304)/.test(head) ? 0 : rest.length),
    )
    return [rest.subarray(0, length), rest.subarray(length)]
  }
  const chunks: Buffer[] = []
  let left = rest
  for (;;) {
    const line = left.indexOf('\r\n')
    if (line === -1) return [Buffer.concat(chunks), Buffer.alloc(0)]
    const size = Number.parseInt(left.subarray(0, line).toString('latin1'), 16)
    const chunk = left.subarray(line + 2, line + 2 + size)
    left = left.subarray(line + 4 + size)
    if (!(size > 0)) return [Buffer.concat(chunks), left]
    chunks.push(chunk)
  }
}

/** What is wrong with an answer: null where it is one that a client can do something with. */
export function faultOf({ status, head, body }: Answer): string | null {
  const isJson = /^content-type: *application\/(graphql-response\+)?json/im.test(head)
  const told = `${status} ${body.slice(0, 500)}`
  let codes: unknown[] = []
  if (isJson && body !== '') {
    try {
      codes = codesOf(JSON.parse(body))
    } catch {
      return `no JSON: ${told}`
    }
  }
  if (codes.some((code) => !isCode(code))) return `an error without a code: ${told}`
  const isRefused = (status === 503 || status === 507) && codes.length > 0
  return status >= 500 && !isRefused ? `a fault of the server: ${told}` : null
}

/** Of every error of a result, or of several. */
export function codesOf(result: unknown): unknown[] {
  if (Array.isArray(result)) return result.flatMap(codesOf)
  const { errors } = (result ?? {}) as { errors?: unknown }
  return Array.isArray(errors) ? errors.map((error) => error?.extensions?.code) : []
}

export function isCode(code: unknown): boolean {
  return typeof code === 'string' && code !== '' && code !== 'INTERNAL_SERVER_ERROR'
}
