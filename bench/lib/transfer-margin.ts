/** What weights that know eight classes of CIFAR-10 are worth to who has a hundred pictures of each of the two others. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { heading, judge, note } from './budget.ts'
import { type BenchServer, withServer } from './server.ts'
import { eventsOf, startRun } from './training-runs.ts'
import { partOfCifar10, withModules } from './transfer-datasets.ts'

/** Automobile and truck: of all pairs among the ones that look most alike. */
const FEW = [1, 9]
const MANY = [0, 2, 3, 4, 5, 6, 7, 8]
const PICTURES = 100
const SEEDS = [1, 2, 3]
/** By how much more of the test pictures each seed has to be right. */
const MARGIN = 0.05

/** Of 2,000: a large network is asked about them after each epoch. */
const TESTED = 1000
/** All train so. */
const RUN = { dataset: 'two', epochs: 20, batchSize: 20, logEvery: 10, learningRate: 0.02, testLimit: TESTED }

export async function measureMargin({ network, epochs }: { network: string; epochs: number }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const modules = [
      await partOfCifar10(folder, 'eight', MANY),
      await partOfCifar10(folder, 'two', FEW, PICTURES),
    ]
    await withModules(modules, () =>
      withServer({ dataset: false }, (server) => compare(server, network, epochs)),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compare(server: BenchServer, architecture: string, epochs: number): Promise<void> {
  heading(`${architecture}: ${PICTURES} pictures of each of two classes, ${TESTED} to test`)
  const first = await train(server, { architecture, dataset: 'eight', epochs, seed: 1 })
  note(`eight classes, ${epochs} epochs`, 100 * first.accuracy, '%')
  const transfer = { from: first.version, head: 'NEW' }
  for (const seed of SEEDS) {
    const nothing = await train(server, { ...RUN, architecture, seed })
    const all = await train(server, { ...RUN, architecture, seed, transfer })
    const frozen = await train(server, {
      ...{ ...RUN, architecture, seed, augmentation: { horizontalFlip: false } },
      transfer: { ...transfer, freeze: { part: 'FEATURES' } },
    })
    note(`seed ${seed}: from these weights, the convolutional part frozen`, 100 * frozen.accuracy, '%')
    note(`seed ${seed}: from these weights, all trained`, 100 * all.accuracy, '%')
    judge(
      `seed ${seed}: from nothing; at most the better one less ${100 * MARGIN} points`,
      100 * nothing.accuracy,
      100 * (Math.max(all.accuracy, frozen.accuracy) - MARGIN),
      '%',
    )
  }
}

/** To its end. */
async function train(server: BenchServer, input: object): Promise<{ accuracy: number; version: string }> {
  const id = await startRun(server, input)
  for await (const _ of eventsOf(server, id));
  const { evaluation, modelVersions } = (await server.query(RESULT, { id })).trainingRun
  return { accuracy: evaluation.accuracy, version: modelVersions[0].id }
}

const RESULT = `query ($id: ID!) { trainingRun(id: $id) { evaluation { accuracy } modelVersions { id } } }`
