/** A file, and the names on the way to it joined by slashes. */
export interface Placed {
  path: string
  file: File
}

const BLOCK = 512
const NAME = 100
const text = new TextEncoder()

/**
 * Many files as one archive, as POSIX 1003.1 has it (ustar, with a pax header for a path that is long or not ASCII).
 * Nothing is read before it is sent: the archive is a list of where its bytes are.
 */
export function tarOf(files: readonly Placed[], name: string): File {
  const parts: BlobPart[] = files.flatMap(({ path, file }) => {
    const isPlain = path.length <= NAME && /^[\x20-\x7e]*$/.test(path)
    return [
      ...(isPlain ? [] : paxOf(path)),
      header(isPlain ? path : 'see the header before', file.size, '0'),
      file,
      padding(file.size),
    ]
  })
  return new File([...parts, new Uint8Array(2 * BLOCK)], name, { type: 'application/x-tar' })
}

function paxOf(path: string): BlobPart[] {
  const rest = text.encode(` path=${path}\n`).length
  // A record begins with its own length, the digits of which belong to it.
  let length = rest + 1
  while (rest + String(length).length !== length) length = rest + String(length).length
  const record = text.encode(`${length} path=${path}\n`)
  return [header('path', record.length, 'x'), record, padding(record.length)]
}

function header(name: string, size: number, type: '0' | 'x'): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK)
  const put = (at: number, value: string) => block.set(text.encode(value), at)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  put(0, name)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${octal(size, 11)}\0`)
  put(136, `${octal(0, 11)}\0`)
  put(148, ' '.repeat(8))
  put(156, type)
  put(257, 'ustar\x0000')
  put(
    148,
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
  )
  return block
}

function padding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK)
}
