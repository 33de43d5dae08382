import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as tf from '@tensorflow/tfjs'
import type { ArtifactStore } from '../../src/ports/artifact-store.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { writeWeights } from '../../src/zoo/formats/write-weights.ts'
import { bytesOf, decodeTensor, encodeHeader, type NamedTensor } from '../../src/zoo/safetensors.ts'
import { PREFIX_BYTES, parseHeader, readHeaderLength } from '../../src/zoo/safetensors-header.ts'
import { toTorch } from '../../src/zoo/torch-layout.ts'
import { loadWeights, weightVariables } from '../../src/zoo/weights.ts'

/** A safetensors file in memory. */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Record<string, string> = {},
): Uint8Array {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const outlines = tensors.map(({ name, shape, data }) => ({ name, shape, dtype: dtypeOf(data) }))
  const { prefix, ordered } = encodeHeader(outlines, metadata)
  return Buffer.concat([prefix, ...ordered.map(({ name }) => bytesOf(byName.get(name)!))])
}

/** A whole safetensors file; its header is judged before anything else. */
export function decodeSafetensors(file: Uint8Array): {
  tensors: NamedTensor[]
  metadata: Record<string, string>
} {
  const length = readHeaderLength(file.subarray(0, PREFIX_BYTES), file.length)
  const header = parseHeader(file.subarray(PREFIX_BYTES, PREFIX_BYTES + length), file.length)
  const tensors = header.entries.map((entry) => decodeTensor(entry, file.subarray(entry.begin, entry.end)))
  return { tensors, metadata: header.metadata }
}

export function dtypeOf(data: NamedTensor['data']): 'F32' | 'I64' {
  return data instanceof Float32Array ? 'F32' : 'I64'
}

/** Writes the weights of a model on the present engine; a trainer does so from a snapshot. */
export function saveWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  path: string,
  metadata: Record<string, string>,
): Promise<{ digest: string; bytes: number }> {
  const variables = new Map(
    weightVariables(model, architecture).map(({ tensor, variable }) => [tensor.name, variable]),
  )
  return writeWeights(architecture, path, metadata, async (tensor) =>
    toTorch(tensor, (await variables.get(tensor.name)!.read().data()) as Float32Array),
  )
}

/** What `saveWeights` writes, in memory. */
export async function exportWeights(
  model: tf.LayersModel,
  architecture: Architecture,
): Promise<NamedTensor[]> {
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-weights-'))
  try {
    const path = join(folder, 'weights')
    await saveWeights(model, architecture, path, {})
    return decodeSafetensors(await readFile(path)).tensors
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** `loadWeights` from tensors in memory. */
export function importWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  tensors: readonly NamedTensor[],
): Promise<string | null> {
  const entries = tensors.map(({ name, shape, data }, at) => {
    return { name, shape: [...shape], dtype: dtypeOf(data), begin: at, end: at }
  })
  return loadWeights(model, architecture, {
    header: { metadata: {}, entries },
    read: async ({ begin }) => tensors[begin]!,
  })
}

/** Puts a file into a store as the server does. */
export async function putArtifact(
  store: ArtifactStore,
  write: (path: string) => Promise<{ digest: string; bytes: number }>,
): Promise<string> {
  const { staged, path } = await store.stage()
  const written = await write(path)
  await store.adopt({ staged, ...written })
  await store.settle(written.digest)
  return written.digest
}

/** What the batch norms' counters say in a weights file of a server, in the order of the layers. */
export function batchesTracked({ dataDir }: { dataDir: string }, digest: string): bigint[] {
  const { tensors } = decodeSafetensors(readFileSync(join(dataDir, 'artifacts', `${digest}.safetensors`)))
  return tensors
    .filter(({ name }) => name.endsWith('.num_batches_tracked'))
    .map(({ data }) => BigInt(data[0]!))
}
