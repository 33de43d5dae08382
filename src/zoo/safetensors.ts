import { PREFIX_BYTES, type SafetensorsEntry, SafetensorsError } from './safetensors-header.ts'

/** A tensor with a name. Its array says its type in a file: F32, or I64 for PyTorch's counters. */
export interface NamedTensor {
  name: string
  shape: readonly number[]
  /** Row-major. */
  data: Float32Array | BigInt64Array
}

/** Bytes of a value of the types that are written. */
const VALUE_BYTES = { F32: 4, I64: 8 } as const

/** What a file's header says of a tensor that is to be written. */
export interface TensorToWrite {
  name: string
  dtype: keyof typeof VALUE_BYTES
  shape: readonly number[]
}

/**
 * The beginning of a file, up to the data, and the order in which the tensors' data follows.
 *
 * @throws SafetensorsError when two tensors have one name
 */
export function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Record<string, string>,
): { prefix: Uint8Array; ordered: TensorToWrite[] } {
  // The wider type first keeps every tensor aligned, so that a reader can look at it in place.
  const ordered = [...tensors].sort((one, other) => VALUE_BYTES[other.dtype] - VALUE_BYTES[one.dtype])
  const header: [string, unknown][] = [['__metadata__', metadata]]
  const names = new Set(['__metadata__'])
  let offset = 0
  for (const { name, dtype, shape } of ordered) {
    if (names.has(name)) throw new SafetensorsError(`Two tensors would be called ${JSON.stringify(name)}.`)
    names.add(name)
    const end = offset + elementsOf(shape) * VALUE_BYTES[dtype]
    header.push([name, { dtype, shape, data_offsets: [offset, end] }])
    offset = end
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  // Spaces after the JSON are part of the format; they align the data.
  const padded = Math.ceil(json.length / 8) * 8
  const prefix = Buffer.alloc(PREFIX_BYTES + padded, ' ')
  prefix.writeBigUInt64LE(BigInt(padded))
  json.copy(prefix, PREFIX_BYTES)
  return { prefix, ordered }
}

/** The bytes of a tensor as they lie in a file; shares its memory. */
export function bytesOf({ data }: Pick<NamedTensor, 'data'>): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** How many values a tensor of this shape has. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1)
}

/**
 * One tensor from its own bytes, for readers that stream a file tensor by tensor. F32 and I64 look at the given bytes
 * where alignment allows; F16 and BF16 become float32, exactly, and F64 is rounded to it.
 *
 * @param bytes  the file from entry.begin to entry.end
 * @throws SafetensorsError for a type that is not read, and for a value of F64 that float32 does not reach
 */
export function decodeTensor(
  { name, dtype, shape, begin, end }: SafetensorsEntry,
  bytes: Uint8Array,
): NamedTensor {
  if (bytes.length !== end - begin) {
    throw new SafetensorsError(
      `Tensor ${JSON.stringify(name)}: got ${bytes.length} of its ${end - begin} bytes.`,
    )
  }
  switch (dtype) {
    case 'F32':
      return { name, shape, data: new Float32Array(...aligned(bytes, 4)) }
    case 'I64':
      return { name, shape, data: new BigInt64Array(...aligned(bytes, 8)) }
    case 'F16': {
      const halves = new Uint16Array(...aligned(bytes, 2))
      // There are only 65,536 of them: a table makes 138 million conversions a matter of a second.
      const table = Float32Array.from({ length: 2 ** 16 }, (_, half) => halfToFloat(half))
      const data = new Float32Array(halves.length)
      for (let i = 0; i < data.length; i++) data[i] = table[halves[i]!]!
      return { name, shape, data }
    }
    case 'BF16': {
      const halves = new Uint16Array(...aligned(bytes, 2))
      // bfloat16 is the upper half of a float32.
      const bits = new Uint32Array(halves.length)
      for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16
      return { name, shape, data: new Float32Array(bits.buffer) }
    }
    case 'F64': {
      const doubles = new Float64Array(...aligned(bytes, 8))
      const data = Float32Array.from(doubles)
      const lost = data.findIndex((value, i) => !Number.isFinite(value) && Number.isFinite(doubles[i]))
      if (lost < 0) return { name, shape, data }
      throw new SafetensorsError(
        `Tensor ${JSON.stringify(name)}: value ${lost} is ${doubles[lost]}, and 32 bits hold at most 3.4e38.`,
      )
    }
    default:
      throw new SafetensorsError(`Tensor ${JSON.stringify(name)}: its type ${dtype} is not read.`)
  }
}

/** Arguments for a typed array over these bytes, copied only if they do not lie on a multiple of `size`. */
function aligned(bytes: Uint8Array, size: number): [ArrayBuffer, number, number] {
  // Not bytes.slice(): of a Buffer that is no copy.
  const inPlace = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return [inPlace.buffer as ArrayBuffer, inPlace.byteOffset, bytes.length / size]
}

/** IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
