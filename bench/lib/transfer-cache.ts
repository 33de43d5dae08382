/** What frozen layers make of pictures, computed once: how long epochs take then, and that nothing is another. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selectEngine } from '../../src/engine/select.ts'
import { Random } from '../../src/random.ts'
import { tf } from '../../src/tensorflow.ts'
import { createTrainingSession } from '../../src/trainer/session.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../src/zoo/fit.ts'
import { forwardOf, forwardOfPart } from '../../src/zoo/forward.ts'
import { layersOf } from '../../src/zoo/model.ts'
import { type Freeze, frozenPart } from '../../src/zoo/transfer.ts'
import { heading, judge, note } from './budget.ts'
import type { BenchServer } from './server.ts'
import { withServing } from './serving-server.ts'
import { median } from './statistics.ts'
import { startRun } from './training-runs.ts'
import { colouredNoise, withModules } from './transfer-datasets.ts'

const SIZE = 224
const COUNT = { train: 500, test: 100 }
const EPOCHS = 12
const MOST_SECONDS = 2
const MOST_DIFFERENCE = 1e-5

export async function measureCache(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const module = await colouredNoise(folder, 'noise', SIZE, COUNT)
    await withModules([module], () =>
      withServing([{ network: 'vgg16', full: true }], async (server) => {
        const from = server.versions[0]!.id
        heading(`vgg16 at ${SIZE}x${SIZE} on ${COUNT.train} pictures, and ${COUNT.test} to test`)
        await measureEpochs(server, 'all but the last layer frozen', {
          from,
          freeze: { upTo: 'classifier.5' },
        })
        await measureEpochs(server, 'the convolutional part frozen', { from, freeze: { part: 'FEATURES' } })
      }),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  await compareOutputs()
}

const EPOCH_ENDS = `subscription ($id: ID!) {
  trainingRunEvents(id: $id) {
    ... on RunEvent { at }
    ... on EpochEnded { summary { epoch seconds } }
    ... on StatusChanged { failure { message } }
  }
}`
const PHASES = `query ($id: ID!) { trainingRun(id: $id) { progress { phases { frozenLayers evaluation saving } } } }`

async function measureEpochs(server: BenchServer, what: string, transfer: object): Promise<void> {
  const id = await startRun(server, {
    ...{ architecture: 'vgg16', dataset: 'noise', epochs: EPOCHS, batchSize: 125, seed: 1, logEvery: 1 },
    ...{ learningRate: 0.001, augmentation: { horizontalFlip: false }, checkpoints: { everySeconds: null } },
    transfer: { ...transfer, head: 'NEW' },
  })
  const ends: number[] = []
  const steps: number[] = []
  for await (const { trainingRunEvents: event } of server.watch(EPOCH_ENDS, { id })) {
    if (event.failure != null) throw new Error(event.failure.message)
    if (event.summary === undefined) continue
    ends.push(Date.parse(event.at) / 1000)
    steps.push(event.summary.seconds)
  }
  const { phases } = (await server.query(PHASES, { id })).trainingRun.progress
  note(`${what}: computing what they make, once`, phases.frozenLayers, 's')
  note(`${what}: steps of an epoch`, median(steps), 's')
  note(`${what}: testing after an epoch`, phases.evaluation / EPOCHS, 's')
  const between = ends.slice(1).map((end, i) => end - ends[i]!)
  note(
    `${what}: from one epoch's end to the next, beside a checkpoint being saved`,
    Math.max(...between),
    's',
  )
  judge(`${what}: from one epoch's end to the next`, median(between), MOST_SECONDS, 's')
}

/** In the sense of the largest output. */
async function compareOutputs(): Promise<void> {
  const { kind } = await selectEngine('auto')
  const architecture = fitArchitecture(findArchitecture('vgg16')!, [SIZE, SIZE, 3], 10)
  heading(
    `vgg16 at ${SIZE}x${SIZE} on ${kind}: outputs from what frozen layers made, beside a whole forward pass`,
  )
  for (const freeze of ['FEATURES', { upTo: 'classifier.5' }] as const satisfies Freeze[]) {
    const part = frozenPart(architecture, freeze)
    if (typeof part === 'string') throw new Error(part)
    const session = createTrainingSession(
      architecture,
      { optimizer: { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 }, labelSmoothing: 0 },
      1,
      { transfer: { frozen: part.layers, head: [], headRate: 1 } },
    )
    const difference = tf.tidy(() => {
      const images = tf.tensor4d(new Random(1).normal(8 * SIZE * SIZE * 3, 1), [8, SIZE, SIZE, 3])
      const whole = forwardOf(session.model, { training: false })(images)
      const rest = forwardOfPart(
        session.model,
        { from: part.layers, to: layersOf(session.model).length },
        { training: false },
      )
      const kept = rest(session.frozen!.forward(images))
      const most = tf.max(tf.abs(whole)).dataSync()[0]!
      return tf.max(tf.abs(tf.sub(whole, kept))).dataSync()[0]! / most
    })
    session.dispose()
    const what = freeze === 'FEATURES' ? 'the convolutional part' : 'all but the last layer'
    judge(`${what}: largest difference, of the largest output`, difference, MOST_DIFFERENCE, '')
  }
}
