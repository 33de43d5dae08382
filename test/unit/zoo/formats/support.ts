import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import type { Architecture } from '../../../../src/zoo/architecture.ts'
import { buildModel, initializeWeights } from '../../../../src/zoo/model.ts'
import type { NamedTensor } from '../../../../src/zoo/safetensors.ts'
import { decodeSafetensors, encodeSafetensors, saveWeights } from '../../../support/weights.ts'

/** Files of a process' tests share it; it goes with the process. */
const folder = mkdtempSync(join(tmpdir(), 'vggzoo-formats-'))

let count = 0
/** A path that nothing has yet, gone after the tests. */
export const place = (suffix = '') => join(folder, `${++count}${suffix}`)

/** A network with random weights, none of them at its initial 0 or 1, and its canonical file. */
export async function randomFile(architecture: Architecture, seed = 1) {
  const model = buildModel(architecture)
  initializeWeights(model, seed)
  for (const layer of model.layers) {
    for (const [index, variable] of layer.weights.entries()) {
      const kind = variable.originalName.split('/').at(-1)
      if (kind === 'kernel') continue
      const noise = tf.randomUniform(variable.shape as number[], 0.5, 1.5, 'float32', seed + index)
      variable.write(noise)
      noise.dispose()
    }
  }
  const path = place('.safetensors')
  await saveWeights(model, architecture, path, { format: 'pt' })
  return { model, path }
}

export const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

export const weightFiles = (home: string) =>
  new Map(
    readdirSync(home)
      .filter((name) => name.endsWith('.bin'))
      .map((name) => [name, join(home, name)]),
  )

/** The entries of a file in memory, to be renamed and written again. */
export function tensorsOf(path: string): NamedTensor[] {
  return decodeSafetensors(readFileSync(path)).tensors.filter(({ data }) => data instanceof Float32Array)
}

export function write(tensors: NamedTensor[]): string {
  const path = place('.safetensors')
  writeFileSync(path, encodeSafetensors(tensors))
  return path
}
