import { type FileHandle, open } from 'node:fs/promises'
import { decodeTensor } from '../safetensors.ts'
import { quote } from './keras-topology.ts'
import { LayersModelError } from './standard-layers.ts'

/** A weight of a LayersModel, and where its bytes are. */
export interface ManifestWeight {
  name: string
  shape: number[]
  /** Of the numbers in the file. */
  dtype: 'float32' | 'float16' | 'uint8' | 'uint16'
  /** Of quantized integers: value * scale + min. */
  scale: number
  min: number
  group: number
  /** First byte, counted from the start of the group's files laid end to end. */
  begin: number
  bytes: number
}

const BYTES = { float32: 4, float16: 2, uint8: 1, uint16: 2 } as const

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
        const name = String(path).split('/').at(-1)!
        const file = files.get(name)
        if (file === undefined || used.has(name)) {
          throw new LayersModelError(
            `The model.json names the file ${quote(name)} ${used.has(name) ? 'twice' : ', which was not sent'}.`,
          )
        }
        used.add(name)
        const handle = await open(file, 'r')
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
    const surplus = [...files.keys()].filter((name) => !used.has(name))
    if (surplus.length > 0) {
      throw new LayersModelError(`The model.json does not name the file ${surplus.map(quote).join(', ')}.`)
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
      for (const { handle, size } of groups[weight.group]!) {
        const from = Math.max(weight.begin, start)
        const to = Math.min(weight.begin + weight.bytes, start + size)
        for (let at = from; at < to; ) {
          const { bytesRead } = await handle.read(bytes, at - weight.begin, to - at, at - start)
          if (bytesRead === 0)
            throw new LayersModelError('A file of weights became shorter while it was read.')
          at += bytesRead
        }
        start += size
      }
      return toFloats(weight, bytes)
    },
  }
}

function readWeight(value: unknown, group: number, begin: number): ManifestWeight {
  const { name, shape, dtype, quantization } = (value ?? {}) as Record<string, unknown>
  if (typeof name !== 'string') throw new LayersModelError(`A weight of group ${group} has no name.`)
  const wrong = (what: string) => new LayersModelError(`Weight ${quote(name)}: ${what}`)
  if (
    !Array.isArray(shape) ||
    shape.length > 8 ||
    !shape.every((it) => Number.isSafeInteger(it) && it >= 0)
  ) {
    throw wrong('its shape is not a list of at most 8 whole numbers from 0.')
  }
  if (dtype !== 'float32') throw wrong(`its dtype is ${quote(dtype)}; float32 is read.`)
  const { dtype: packed = 'float32', scale = 1, min = 0 } = (quantization ?? {}) as Record<string, unknown>
  if (typeof packed !== 'string' || !Object.hasOwn(BYTES, packed)) {
    throw wrong(`it is quantized to ${quote(packed)}; ${Object.keys(BYTES).join(', ')} are read.`)
  }
  if (!Number.isFinite(scale) || !Number.isFinite(min)) throw wrong('its quantization has no scale or min.')
  const kind = packed as ManifestWeight['dtype']
  const bytes = shape.reduce((product, length) => product * length, BYTES[kind])
  if (!Number.isSafeInteger(bytes)) throw wrong(`its shape [${shape}] is larger than any file.`)
  return { name, shape, dtype: kind, scale: scale as number, min: min as number, group, begin, bytes }
}

function toFloats({ name, shape, dtype, scale, min }: ManifestWeight, bytes: Uint8Array): Float32Array {
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes.buffer)
    case 'float16':
      return decodeTensor({ name, dtype: 'F16', shape, begin: 0, end: bytes.length }, bytes)
        .data as Float32Array
    default: {
      const integers = dtype === 'uint8' ? bytes : new Uint16Array(bytes.buffer)
      return Float32Array.from(integers, (integer) => integer * scale + min)
    }
  }
}
