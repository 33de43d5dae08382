import { openSafetensors, writeSafetensors } from '../safetensors-file.ts'
import { SafetensorsError } from '../safetensors-header.ts'
import { countIn, torchTensors } from '../torch-layout.ts'
import { canonicalTensors, neutralValues } from './canonical.ts'
import { type ImportTarget, toRgb } from './import-target.ts'
import { matchTensors } from './match-tensors.ts'

/**
 * Makes of a safetensors file in F32, F16, BF16 or F64 the zoo's own: F32, torchvision's names and order. Its names are
 * torchvision's, timm's or Keras', behind any prefix, or number and call the layers otherwise in the same order; what
 * nothing reads is passed over (`readTensors`). One tensor at a time is in memory, twice.
 *
 * @throws SafetensorsError for a file that is damaged, or has values that are not finite
 * @throws WeightsMismatchError that lists every tensor that is missing, surplus or wrong by its name in the file;
 *   nothing but the header was read then
 */
export async function importSafetensors(
  source: string,
  { architecture, target, metadata, channels }: ImportTarget,
): Promise<{ digest: string; bytes: number }> {
  const file = await openSafetensors(source)
  try {
    const sources = matchTensors(file.header.entries, architecture)
    const missing = neutralValues(architecture)
    const byName = new Map(file.header.entries.map((entry) => [entry.name, entry]))
    const besides = new Map(torchTensors(architecture).map(({ name, counter }) => [counter, name]))
    /** What the file's counter beside such a tensor says. Nothing reads it: without one it counts from 0. */
    const countOf = async (counter: string): Promise<bigint> => {
      const beside = sources.get(besides.get(counter) ?? '')?.entry.name
      const entry = byName.get(beside?.replace(/[^.]*$/, counter.split('.').at(-1)!) ?? '')
      return entry?.dtype === 'I64' ? countIn((await file.read(entry)).data) : 0n
    }
    return await writeSafetensors(target, canonicalTensors(architecture), metadata, async ({ name }) => {
      const found = sources.get(name)
      // Of the weights' own tensors only the counters belong to no variable.
      if (found === undefined) return missing(name) ?? BigInt64Array.of(await countOf(name))
      const { entry, tensor, toTorch } = found
      const data = (await file.read(entry)).data as Float32Array
      checkFinite(entry.name, data)
      return toRgb(channels, tensor, toTorch(data))
    })
  } finally {
    await file.close()
  }
}

/** @throws SafetensorsError that names the tensor and the place */
function checkFinite(name: string, data: Float32Array): void {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue
    throw new SafetensorsError(
      `Tensor ${JSON.stringify(name)}: value ${i} is ${data[i]}; a network with it answers nothing.`,
    )
  }
}
