import { type FileHandle, open } from 'node:fs/promises'
import { readWhole } from '../../storage/whole.ts'
import { quote } from '../layers/keras.ts'
import { LayersModelError } from '../layers-model-error.ts'
import { decodeTensor } from '../safetensors.ts'

/** A weight of a LayersModel, and where its bytes are. */
export interface ManifestWeight {
  name: string
  shape: number[]
  /** Only float32 is read. */
  dtype: string
  /** Of the numbers in the file. */
  packed: keyof typeof BYTES
  /** Of quantized integers: value * scale + min. */
  scale: number
  min: number
  /** "optimizer" for what is no weight of a layer. */
  group: string | undefined
  /** Which of the manifest's groups of files it is in. */
  place: number
  /** First byte, counted from the start of the group's files laid end to end. */
  begin: number
  bytes: number
}

/** Of a value in the files. */
const BYTES = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  bool: 1,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  int64: 8,
  uint64: 8,
  complex64: 8,
} as const
/** What a float32 may be quantized to. */
const PACKED = ['float32', 'float16', 'uint8', 'uint16']

/** The weights of a LayersModel on disk, read one at a time. */
export interface WeightFiles {
  readonly weights: ReadonlyMap<string, ManifestWeight>
  read(weight: ManifestWeight): Promise<Float32Array>
  close(): Promise<void>
}

/**
 * Opens the files that a manifest names and verifies that together they hold exactly the weights that it lists. Nothing
 * is allocated by what it claims.
 *
 * @param manifest  weightsManifest of a model.json
 * @param files  paths by base name: nothing else is ever opened
 * @throws LayersModelError
 */
export async function openWeightFiles(
  manifest: unknown,
  files: ReadonlyMap<string, string>,
): Promise<WeightFiles> {
  if (!Array.isArray(manifest)) throw new LayersModelError('The model.json has no weightsManifest.')
  const weights = new Map<string, ManifestWeight>()
  const used = new Set<string>()
  checkSent(manifest, files)
  const groups: { handle: FileHandle; size: number }[][] = []
  const close = async () => {
    for (const { handle } of groups.flat()) await handle.close()
  }
  try {
    for (const [index, value] of manifest.entries()) {
      const { paths, weights: list } = (value ?? {}) as { paths?: unknown; weights?: unknown }
      if (!Array.isArray(paths) || !Array.isArray(list)) {
        throw new LayersModelError(`Group ${index} of the weightsManifest has no paths or no weights.`)
      }
      const group: { handle: FileHandle; size: number }[] = []
      groups.push(group)
      for (const path of paths) {
        const name = nameOf(path)
        if (used.has(name)) throw new LayersModelError(`The model.json names the file ${quote(name)} twice.`)
        used.add(name)
        const handle = await open(files.get(name)!, 'r')
        group.push({ handle, size: 0 })
        group.at(-1)!.size = (await handle.stat()).size
      }
      let begin = 0
      for (const item of list) {
        const weight = readWeight(item, index, begin)
        if (weights.has(weight.name)) {
          throw new LayersModelError(`The weightsManifest has ${quote(weight.name)} twice.`)
        }
        weights.set(weight.name, weight)
        begin += weight.bytes
      }
      const size = group.reduce((sum, file) => sum + file.size, 0)
      if (size !== begin) {
        throw new LayersModelError(
          `The files of group ${index} have ${size} bytes, and its weights need ${begin}: one is cut short, or not of this model.`,
        )
      }
    }
  } catch (error) {
    await close()
    throw error
  }

  return {
    weights,
    close,
    async read(weight) {
      const bytes = new Uint8Array(weight.bytes)
      let start = 0
      for (const { handle, size } of groups[weight.place]!) {
        const from = Math.max(weight.begin, start)
        const to = Math.min(weight.begin + weight.bytes, start + size)
        if (from < to) {
          const part = bytes.subarray(from - weight.begin, to - weight.begin)
          if (!(await readWhole(handle, part, from - start))) {
            throw new LayersModelError('A file of weights became shorter while it was read.')
          }
        }
        start += size
      }
      return toFloats(weight, bytes)
    },
  }
}

const nameOf = (path: unknown) => String(path).split('/').at(-1)!

/** All files that are missing or surplus, at once. */
function checkSent(manifest: readonly unknown[], files: ReadonlyMap<string, string>): void {
  const named = new Set(
    manifest.flatMap((group) => {
      const { paths } = (group ?? {}) as { paths?: unknown }
      return Array.isArray(paths) ? paths.map(nameOf) : []
    }),
  )
  const list = (names: readonly string[]) =>
    `${names.length === 1 ? 'the file' : 'the files'} ${names.slice(0, 20).map(quote).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`
  const missing = [...named].filter((name) => !files.has(name))
  const surplus = [...files.keys()].filter((name) => !named.has(name))
  if (missing.length > 0) {
    const others = surplus.length > 0 ? `; ${list(surplus)} it does not name` : ''
    throw new LayersModelError(
      `The model.json names ${list(missing)}, which ${missing.length === 1 ? 'was' : 'were'} not sent${others}.`,
    )
  }
  if (surplus.length > 0) throw new LayersModelError(`The model.json does not name ${list(surplus)}.`)
}

function readWeight(value: unknown, place: number, begin: number): ManifestWeight {
  const { name, shape, dtype, quantization, group } = (value ?? {}) as Record<string, unknown>
  if (typeof name !== 'string') throw new LayersModelError(`A weight of group ${place} has no name.`)
  const wrong = (what: string) => new LayersModelError(`Weight ${quote(name)}: ${what}`)
  if (
    !Array.isArray(shape) ||
    shape.length > 8 ||
    !shape.every((it) => Number.isSafeInteger(it) && it >= 0)
  ) {
    throw wrong('its shape is not a list of at most 8 whole numbers from 0.')
  }
  if (!isType(dtype)) throw wrong(`its dtype is ${quote(dtype)}; float32 is read.`)
  const { dtype: packed = dtype, ...range } = (quantization ?? {}) as Record<string, unknown>
  if (!isType(packed) || (dtype === 'float32' && !PACKED.includes(packed))) {
    throw wrong(`it is quantized to ${quote(packed)}; ${PACKED.join(', ')} are read.`)
  }
  // Halves, too, are written as a quantization; they need neither.
  const isScaled = dtype === 'float32' && (packed === 'uint8' || packed === 'uint16')
  const { scale, min } = isScaled ? range : { scale: 1, min: 0 }
  if (!Number.isFinite(scale) || !Number.isFinite(min)) throw wrong('its quantization has no scale or min.')
  const bytes = shape.reduce((product, length) => product * length, BYTES[packed])
  if (!Number.isSafeInteger(bytes)) throw wrong(`its shape [${shape}] is larger than any file.`)
  return {
    name,
    shape,
    dtype,
    packed,
    scale: scale as number,
    min: min as number,
    group: typeof group === 'string' ? group : undefined,
    place,
    begin,
    bytes,
  }
}

function isType(value: unknown): value is keyof typeof BYTES {
  return typeof value === 'string' && Object.hasOwn(BYTES, value)
}

function toFloats(
  { name, shape, dtype, packed, scale, min }: ManifestWeight,
  bytes: Uint8Array,
): Float32Array {
  if (dtype !== 'float32') {
    throw new LayersModelError(`Weight ${quote(name)}: its dtype is ${quote(dtype)}; float32 is read.`)
  }
  switch (packed) {
    case 'float32':
      return new Float32Array(bytes.buffer)
    case 'float16':
      return decodeTensor({ name, dtype: 'F16', shape, begin: 0, end: bytes.length }, bytes)
        .data as Float32Array
    default: {
      const integers = packed === 'uint8' ? bytes : new Uint16Array(bytes.buffer)
      return Float32Array.from(integers, (integer) => integer * scale + min)
    }
  }
}
