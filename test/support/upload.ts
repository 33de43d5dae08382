import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import type { GraphQLResult, TestServer } from './server.ts'

export interface FilePart {
  name: string
  bytes: Uint8Array
}

/**
 * Sends files by the multipart request specification, as a browser's FormData does.
 *
 * @param places  where in the variables each file goes: input.weights.safetensors
 */
export async function sendFiles(
  server: TestServer,
  query: string,
  variables: object,
  files: Readonly<Record<string, FilePart>>,
): Promise<{ status: number; body: GraphQLResult }> {
  const form = new FormData()
  const places = Object.keys(files)
  form.set('operations', JSON.stringify({ query, variables }))
  form.set('map', JSON.stringify(Object.fromEntries(places.map((place, i) => [i, [`variables.${place}`]]))))
  places.forEach((place, i) => {
    const { name, bytes } = files[place]!
    form.set(String(i), new Blob([new Uint8Array(bytes)]), name)
  })
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body: form,
    headers: { 'x-graphql-yoga-csrf': '1' },
  })
  return { status: response.status, body: (await response.json()) as GraphQLResult }
}

/** Resolves when the server has no file of an upload: it deletes them when their request is over. */
export async function uploadsGone({ dataDir }: Pick<TestServer, 'dataDir'>): Promise<void> {
  const folder = join(dataDir, 'uploads')
  const isEmpty = () => !existsSync(folder) || readdirSync(folder).length === 0
  if (isEmpty()) return
  await new Promise<void>((resolve) => {
    const check = () => {
      if (!isEmpty()) return
      watcher.close()
      resolve()
    }
    const watcher = watch(folder, check)
    // What happened before anybody watched.
    check()
  })
}

/** A part of a form: a field, or a file where it has a name. */
export type Part = [name: string, value: string | Uint8Array, filename?: string]
export const BOUNDARY = 'a-boundary'

/** A form by hand, for what FormData would not send. */
export function body(parts: readonly Part[]): Buffer {
  const pieces = parts.map(([name, value, filename]) =>
    Buffer.concat([
      Buffer.from(
        `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n\r\n`,
      ),
      Buffer.from(value as string),
      Buffer.from('\r\n'),
    ]),
  )
  return Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)])
}
