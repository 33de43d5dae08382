/** What it costs that all that was acknowledged outlasts a power cut, beside the same server whose syncs do nothing. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineBench, UsageError } from './lib/bench.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { median } from './lib/statistics.ts'

const PREDICTIONS = 2000
/** Of those who ask at the same time, as a service would. */
const AT_ONCE = 32
const RUN = {
  ...{ architecture: 'vgg_mini', dataset: 'cifar10', epochs: 1, batchSize: 16, logEvery: 1, seed: 1 },
  ...{ trainLimit: 16_000, testLimit: 16, checkpoints: { everySeconds: 2 } },
}

const FIGURES = {
  'first start': 'ms',
  'start with a database': 'ms',
  'start after a kill': 'ms',
  'steps of a run, each logged': '/s',
  'predictions stored, one after the other': '/s',
  'predictions stored, 32 at once': '/s',
} as const
type Figures = Record<keyof typeof FIGURES, number>

export const bench = defineBench({
  measures: 'starts, steps/s and stored predictions/s of a server that syncs and one that does not',
  takes: '4 minutes',
  needs: 'Linux and cc; CIFAR-10 (139 MB, once)',
  options: { rounds: 'how often each is measured, in turns (3)' },
  async run({ rounds: asked = '3' }) {
    const rounds = Number(asked)
    if (!(Number.isInteger(rounds) && rounds > 0)) {
      throw new UsageError(`--rounds: ${asked} is not a whole number from 1 on.`)
    }
    const home = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
    try {
      const library = join(home, 'unsynced.so')
      const source = join(import.meta.dirname, 'lib/unsynced.c')
      execFileSync('cc', ['-shared', '-fPIC', '-o', library, source])
      const ways = { synced: {}, 'not synced': { LD_PRELOAD: library } }
      const figures = { synced: [] as Figures[], 'not synced': [] as Figures[] }
      for (let round = 0; round < rounds; round++) {
        for (const way of ['synced', 'not synced'] as const) {
          figures[way].push(await measure(join(home, `${round} ${way}`), ways[way]))
        }
      }
      print(figures)
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  },
})

async function measure(dataDir: string, env: NodeJS.ProcessEnv): Promise<Figures> {
  const figures = {} as Figures
  const start = async (figure: keyof Figures, work: (server: BenchServer) => Promise<void>) => {
    const begun = performance.now()
    await withServer({ dataDir, dataset: true, env }, (server) => {
      figures[figure] = performance.now() - begun
      return work(server)
    })
  }
  await start('first start', async (server) => {
    figures['steps of a run, each logged'] = await train(server)
    figures['predictions stored, one after the other'] = await predict(server, PREDICTIONS / 8, 1)
    figures['predictions stored, 32 at once'] = await predict(server, PREDICTIONS, AT_ONCE)
  })
  await start('start with a database', async ({ pid }) => void process.kill(pid, 'SIGKILL'))
  await start('start after a kill', async () => {})
  return figures
}

const START = `mutation ($input: StartTrainingRunInput!) { startTrainingRun(input: $input) {
  ... on TrainingRun { id } ... on Error { message }
} }`
const LOSSES = `subscription ($id: ID!) { trainingRunEvents(id: $id) {
  ... on RunEvent { at } ... on LossPoints { points { step } }
} }`

/** Steps a second between the first message and the last. */
async function train(server: BenchServer): Promise<number> {
  const { startTrainingRun } = await server.query(START, { input: RUN })
  const seen: { at: number; step: number }[] = []
  for await (const { trainingRunEvents } of server.watch(LOSSES, { id: startTrainingRun.id })) {
    const { at, points } = trainingRunEvents
    if (points !== undefined) seen.push({ at: Date.parse(at), step: points.at(-1).step })
  }
  const [first, last] = [seen[0]!, seen.at(-1)!]
  return (1000 * (last.step - first.step)) / (last.at - first.at)
}

const PREDICT = `mutation ($index: Int!) {
  predict(input: { image: { sample: { dataset: "cifar10", split: TEST, index: $index } } }) { __typename }
}`

async function predict(server: BenchServer, count: number, atOnce: number): Promise<number> {
  await server.query(PREDICT, { index: 0 })
  const left = Array.from({ length: count }, (_, index) => index).values()
  const begun = performance.now()
  const lane = async () => {
    for (const index of left) {
      const { predict } = await server.query(PREDICT, { index })
      if (predict.__typename !== 'Prediction') throw new Error(predict.__typename)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return (1000 * count) / (performance.now() - begun)
}

function print(figures: Record<'synced' | 'not synced', Figures[]>): void {
  const line = (cells: readonly string[]) =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(44) : cell.padStart(14))).join(''))
  line([`median of ${figures.synced.length}, in turns`, 'synced', 'not synced', 'ratio'])
  for (const [name, unit] of Object.entries(FIGURES) as [keyof Figures, string][]) {
    const [synced, unsynced] = [figures.synced, figures['not synced']].map((all) =>
      median(all.map((one) => one[name])),
    ) as [number, number]
    const cells = [synced, unsynced].map((value) => `${value.toFixed(0)} ${unit}`)
    line([`  ${name}`, ...cells, (synced / unsynced).toFixed(2)])
  }
}
