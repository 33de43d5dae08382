import { openSafetensors, writeSafetensors } from '../safetensors-file.ts'
import { SafetensorsError } from '../safetensors-header.ts'
import { compareTensors, type ExpectedTensor } from '../weights-mismatch.ts'
import { canonicalTensors } from './canonical.ts'
import { type ImportTarget, toRgb } from './import-target.ts'
import { detectNaming } from './naming.ts'

/** A step counter of PyTorch's batch norms. */
const COUNTER = /^features\.\d+\.num_batches_tracked$/

/**
 * Makes of a safetensors file as torchvision, timm or Keras name and lay it out, in F32, F16 or BF16, the zoo's own:
 * F32, torchvision's names and order. One tensor at a time is in memory, twice.
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
    const { entries } = file.header
    const naming = detectNaming(
      entries.map(({ name }) => name),
      architecture,
    )
    const expected = naming.tensors.map(({ name, shape }): ExpectedTensor => ({ name, shape, float: true }))
    for (const { name } of canonicalTensors(architecture)) {
      if (COUNTER.test(name)) expected.push({ name, shape: [], float: false, optional: true })
    }
    const found = entries.map(({ name, shape, dtype }) => ({
      name: naming.normalize(name),
      shape,
      float: dtype !== 'I64',
    }))
    compareTensors(architecture.name, expected, found)

    const entryOf = new Map(entries.map((entry) => [naming.normalize(entry.name), entry]))
    const sourceOf = new Map(naming.tensors.map((named) => [named.tensor.name, named]))
    return await writeSafetensors(target, canonicalTensors(architecture), metadata, async ({ name }) => {
      const named = sourceOf.get(name)
      // Only the counters have no source: they count from 0, as those of the zoo's own files.
      if (named === undefined) return new BigInt64Array(1)
      const entry = entryOf.get(named.name)!
      const data = (await file.read(entry)).data as Float32Array
      checkFinite(entry.name, data)
      return toRgb(channels, named.tensor, named.toTorch(data))
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
