/**
 * In the trainer of a run of 2,000 steps that saves 80 checkpoints, and in the server over ten runs that somebody
 * watches. Ends with 1 where memory grows.
 */
import { readFileSync } from 'node:fs'
import { defineBench } from './lib/bench.ts'
import { checkGrowth } from './lib/growth.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { eventsOf, startRun } from './lib/training-runs.ts'

const RUNS = 10
/** Until the server's caches are full, and V8 knows how much it needs. */
const WARM_UP_RUNS = 3

const NETWORK = { architecture: 'vgg_mini', seed: 7 }
/** 20 epochs of 100 steps. */
const LONG = { ...NETWORK, epochs: 20, batchSize: 64, trainLimit: 6400, testLimit: 512, logEvery: 1 }
/** With as many points, events and checkpoints as a run of an hour has. */
const SHORT = { ...NETWORK, epochs: 20, batchSize: 16, trainLimit: 320, testLimit: 64, logEvery: 1 }

export const bench = defineBench({
  measures: 'growth of memory: of a trainer over 2,000 steps, of the server over ten runs',
  takes: '4 minutes',
  needs: 'CIFAR-10 (139 MB, once)',
  run() {
    return withServer({ dataset: true }, async (server) => {
      await trainer(server)
      await manyRuns(server)
    })
  },
})

async function trainer(server: BenchServer): Promise<void> {
  const id = await startRun(server, { ...LONG, checkpoints: { everySteps: 25 } })
  const samples: number[] = []
  console.log('\nThe trainer, after each epoch of 100 steps')
  for await (const event of eventsOf(server, id)) {
    if (event.__typename !== 'EpochEnded') continue
    const { trainingRun } = await server.query(
      'query ($id: ID!) { trainingRun(id: $id) { progress { step memoryBytes } } }',
      { id },
    )
    const { step, memoryBytes } = trainingRun.progress
    // Null once the run has ended.
    if (memoryBytes === null) continue
    samples.push(memoryBytes / 2 ** 20)
    console.log(`${String(step).padStart(8)} steps ${samples.at(-1)!.toFixed(1).padStart(8)} MiB`)
  }
  checkGrowth('from the first epochs to the last', samples)
}

async function manyRuns(server: BenchServer): Promise<void> {
  const samples: number[] = []
  console.log('\nThe server, after each run of 400 points and 20 epochs')
  for (let run = 1 - WARM_UP_RUNS; run <= RUNS; run++) {
    const id = await startRun(server, SHORT)
    let status: string | undefined
    for await (const event of eventsOf(server, id)) status = event.status ?? status
    if (status !== 'COMPLETED') throw new Error(`The run ended as ${status}.`)
    const mebibytes = residentMebibytes(server.pid)
    if (run > 0) samples.push(mebibytes)
    console.log(`${(run > 0 ? `run ${run}` : 'warm-up').padStart(8)} ${mebibytes.toFixed(1).padStart(8)} MiB`)
  }
  checkGrowth(`over ${RUNS} runs`, samples)
}

function residentMebibytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kibibytes) / 1024
}
