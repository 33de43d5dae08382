import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs'
import { Random } from '../../../src/random.ts'
import type { Optimizer } from '../../../src/runs/model/hyperparameters.ts'
import { createTrainingSession, type TrainingSession } from '../../../src/trainer/session.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'

const network = (
  name: string,
  features: string,
  batchNorm: boolean,
  inputShape: Architecture['inputShape'],
  head: Architecture['head'],
): Architecture => ({
  name,
  title: name,
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures(features),
  batchNorm,
  inputShape,
  classes: 5,
  head,
})
const flat = (hidden: number[], dropout: number) => ({ kind: 'flat', hidden, dropout }) as const
const pooled = (size: number, dropout = 0.5) => ({ kind: 'pooled', size, hidden: [24], dropout }) as const

/** Every kind of layer of the zoo, and after each of them every other that may follow; small, for plain JavaScript. */
export const NETWORKS: Architecture[] = [
  network('batch norm', '32,32,M,16', true, [8, 8, 3], flat([16], 0.5)),
  network('batch norm of odd sizes', '5,M,7,M,9', true, [9, 11, 3], flat([], 0)),
  network('no batch norm', '8,M,12,12,M', false, [9, 11, 3], flat([16, 16], 0.3)),
  network('response normalization', '8:lrn,M,12:lrn', false, [8, 8, 3], flat([], 0)),
  network('batch norm and response normalization', '6:lrn,8,M', true, [6, 8, 3], flat([16], 0)),
  network('1x1 convolutions', '8x1,8,8x1,M,16x1', false, [8, 8, 3], flat([16], 0)),
  network('1x1 convolutions and batch norm', '8,8x1,M,12x1,M', true, [8, 8, 3], flat([16], 0)),
  network('average pool of whole windows', '8,M,16', true, [8, 8, 3], pooled(2)),
  network('average pool of one cell', '8,M,M,16,M', true, [8, 8, 3], pooled(7)),
  network('average pool that changes nothing', '8,M', false, [8, 8, 3], pooled(4, 0)),
  network('residual connections and batch norm', '8,8,8,+2,M,12,12x1,+1', true, [8, 8, 3], flat([16], 0.5)),
  network('average pool of windows that overlap', '8,M,8', false, [10, 10, 3], pooled(7)),
]

export const SGD: Optimizer = { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 }
export const ADAM: Optimizer = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }

/** Images of noise, which a network learns by heart. */
export function batchFor({ inputShape, classes }: Architecture, size: number, seed: number) {
  const [height, width, channels] = inputShape
  return {
    x: new Random(seed).normal(size * height * width * channels, 1),
    y: Int32Array.from({ length: size }, (_, i) => (3 * i) % classes),
    size,
  }
}

export const sessionFor = (architecture: Architecture, optimizer: Optimizer = SGD): TrainingSession =>
  createTrainingSession(architecture, { optimizer, labelSmoothing: 0.1 }, 7)

/** The losses of the first steps on the present engine. */
export async function lossesOf(
  session: TrainingSession,
  architecture: Architecture,
  { steps, size, rate }: { steps: number; size: number; rate: number },
): Promise<number[]> {
  const losses: number[] = []
  for (let step = 0; step < steps; step++)
    losses.push((await session.step(batchFor(architecture, size, step), step, rate)).loss)
  return losses
}

/** Of all bytes of all weights. */
export function digestOf(model: tf.LayersModel): string {
  const hash = createHash('sha256')
  for (const weight of model.getWeights()) hash.update(new Uint8Array(weight.dataSync().slice().buffer))
  return hash.digest('hex')
}

/** Other weights than those a training begins with: no channel is like another, scales have both signs. */
export function disturb(model: tf.LayersModel, seed: number): void {
  for (const [at, variable] of model.layers.flatMap(({ weights }) => weights).entries()) {
    const kind = variable.originalName.split('/').at(-1)
    if (kind === 'kernel') continue
    tf.tidy(() => {
      const shape = variable.shape as number[]
      const noise = tf.tensor(new Random(seed, at).normal(tf.util.sizeFromShape(shape), 0.3), shape)
      if (kind === 'moving_variance') variable.write(tf.exp(noise))
      else variable.write(kind === 'gamma' ? tf.mul(noise, 4) : noise)
    })
  }
}
