/** The types of the format, with the bits of a value. Read are the floats from 16 bits on, and I64. */
const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
} as const
export type SafetensorsDtype = keyof typeof DTYPE_BITS

/** Whether the values are floating point that is read, as float32. */
export function isFloat(dtype: SafetensorsDtype): boolean {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' || dtype === 'F64'
}

/** Where a tensor lies in the file. */
export interface SafetensorsEntry {
  name: string
  dtype: SafetensorsDtype
  shape: number[]
  /** First byte and the byte after the last, counted from the start of the file. */
  begin: number
  end: number
}

export interface SafetensorsHeader {
  metadata: Record<string, string>
  /** In the order of the file: without gaps or overlaps from the header's end to the file's end. */
  entries: SafetensorsEntry[]
}

const MAX_RANK = 8

/** A file that is not what the safetensors format promises. The message names the tensor and what is wrong with it. */
export class SafetensorsError extends Error {
  override name = 'SafetensorsError'
}

/** The length field in front of the header, in bytes. */
export const PREFIX_BYTES = 8

/** A VGG's header has about 10 KB. The format allows 100 MB, which would let a small file cost a lot of parsing. */
export const MAX_HEADER_BYTES = 1024 * 1024

/**
 * The length of the JSON header, from the first 8 bytes (a little-endian integer).
 *
 * @param fileBytes  the size of the whole file
 */
export function readHeaderLength(prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < PREFIX_BYTES || prefix.length < PREFIX_BYTES) {
    throw new SafetensorsError(`The file has ${fileBytes} bytes; a safetensors file has at least 8.`)
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true)
  if (length > BigInt(fileBytes - PREFIX_BYTES)) {
    throw new SafetensorsError(
      `The header claims ${length} bytes, but only ${fileBytes - PREFIX_BYTES} follow: not a safetensors file, or cut short.`,
    )
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new SafetensorsError(`The header has ${length} bytes; at most ${MAX_HEADER_BYTES} are read.`)
  }
  return Number(length)
}

/**
 * Reads and verifies the header: every tensor's type, shape and place, and that together they are exactly the rest
 * of the file. Nothing is allocated by what the header claims, so it is safe to call before the data is there.
 *
 * @param header  the JSON, without the length in front of it
 * @param fileBytes  the size of the whole file
 */
export function parseHeader(header: Uint8Array, fileBytes: number): SafetensorsHeader {
  const dataStart = PREFIX_BYTES + header.length
  const { __metadata__: metadata = {}, ...tensors } = parseJson(header)
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('The header\'s "__metadata__" must be an object whose values are strings.')
  }
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, dataStart))
  entries.sort((one, other) => one.begin - other.begin || one.end - other.end)
  checkPlaces(entries, dataStart, fileBytes)
  return { metadata: metadata as Record<string, string>, entries }
}

function parseJson(header: Uint8Array): Record<string, unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch {
    throw new SafetensorsError('The header is not UTF-8 text.')
  }
  if (!text.startsWith('{')) throw new SafetensorsError('The header does not begin with "{".')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SafetensorsError(`The header is not JSON: ${(error as Error).message}`)
  }
  const duplicate = duplicateKey(text)
  if (duplicate !== undefined) throw new SafetensorsError(`The header has the key ${quote(duplicate)} twice.`)
  return value as Record<string, unknown>
}

/**
 * A key that an object of this JSON has twice, or undefined. JSON.parse keeps the last one without a word, other
 * readers keep the first: the same file would be two models.
 */
function duplicateKey(json: string): string | undefined {
  const open: Set<string>[] = []
  // Strings whole, so that no bracket inside one counts; a string before a colon is a key of the innermost object.
  for (const [token, key] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}]/g)) {
    if (key !== undefined) {
      const name: string = JSON.parse(key)
      if (open.at(-1)?.has(name)) return name
      open.at(-1)?.add(name)
    } else if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
  }
  return undefined
}

function parseEntry(name: string, value: unknown, dataStart: number): SafetensorsEntry {
  const wrong = (what: string) => new SafetensorsError(`Tensor ${quote(name)}: ${what}`)
  if (!isObject(value)) throw wrong('its header entry is not an object.')
  const { dtype, shape, data_offsets: offsets, ...rest } = value
  const [surplus] = Object.keys(rest)
  if (surplus !== undefined) throw wrong(`its header entry has the unknown key ${quote(surplus)}.`)
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BITS, dtype)) {
    throw wrong(`its type ${quote(dtype)} is not one of ${Object.keys(DTYPE_BITS).join(', ')}.`)
  }
  if (!isCounts(shape) || shape.length > MAX_RANK) {
    throw wrong(`its shape is not a list of at most ${MAX_RANK} whole numbers from 0.`)
  }
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw wrong('its data_offsets are not [begin, end] with begin <= end.')
  }
  const [begin, end] = offsets as [number, number]
  // As big integers: a shape such as [2^52, 2^52] must not wrap around to something small.
  const bits = shape.reduce(
    (product, length) => product * BigInt(length),
    BigInt(DTYPE_BITS[dtype as SafetensorsDtype]),
  )
  if (BigInt(end - begin) * 8n !== bits) {
    throw wrong(`its shape [${shape}] needs ${(bits + 7n) / 8n} bytes, its data_offsets hold ${end - begin}.`)
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin: dataStart + begin, end: dataStart + end }
}

function checkPlaces(entries: readonly SafetensorsEntry[], dataStart: number, fileBytes: number): void {
  let at = dataStart
  for (const { name, begin, end } of entries) {
    if (end > fileBytes) {
      throw new SafetensorsError(
        `Tensor ${quote(name)} ends at byte ${end}, the file at ${fileBytes}: it is cut short.`,
      )
    }
    if (begin < at) throw new SafetensorsError(`Tensor ${quote(name)} overlaps the one before it.`)
    if (begin > at) {
      throw new SafetensorsError(`${begin - at} bytes before tensor ${quote(name)} belong to no tensor.`)
    }
    at = end
  }
  if (at !== fileBytes) {
    throw new SafetensorsError(`${fileBytes - at} bytes after the last tensor belong to no tensor.`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

/** For a message: quoted, and short whatever the file holds. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}
