/**
 * Whether runs leave memory behind, on a real server: in the trainer of a run of 2,000 steps that saves 80 checkpoints,
 * and in the server over ten runs that somebody watches.
 *   npm run bench:runs
 * Ends with 1 where memory grows.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setup as fetchDataset } from '../test/support/dataset-cache.ts'
import { collectEvents, EVENTS, startRun } from '../test/support/runs.ts'
import { startServer, stopServers, type TestServer } from '../test/support/server.ts'
import { checkGrowth } from './growth.ts'

const ENGINE = process.env.ENGINE ?? 'auto'
const RUNS = 10
/** Until the server's caches are full, and V8 knows how much it needs. */
const WARM_UP_RUNS = 3

/** 20 epochs of 100 steps. */
const LONG = { epochs: 20, batchSize: 64, trainLimit: 6400, testLimit: 512, logEvery: 1 }
/** With as many points, events and checkpoints as a run of an hour has. */
const SHORT = { epochs: 20, batchSize: 16, trainLimit: 320, testLimit: 64, logEvery: 1 }

await fetchDataset()
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}`)
try {
  const server = await startServer({ env: { ENGINE } })
  await trainer(server)
  await manyRuns(server)
} finally {
  await stopServers()
}

async function trainer(server: TestServer): Promise<void> {
  const id = await startRun(server, { ...LONG, checkpoints: { everySteps: 25 } })
  const samples: number[] = []
  console.log('\nThe trainer, after each epoch of 100 steps')
  for await (const { data, errors } of server.subscribe(EVENTS, { id })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    if (data.trainingRunEvents.__typename !== 'EpochEnded') continue
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

async function manyRuns(server: TestServer): Promise<void> {
  const samples: number[] = []
  console.log('\nThe server, after each run of 400 points and 20 epochs')
  for (let run = 1 - WARM_UP_RUNS; run <= RUNS; run++) {
    const id = await startRun(server, SHORT)
    const events = await collectEvents(server, id)
    if (events.at(-1).status !== 'COMPLETED') throw new Error(JSON.stringify(events.at(-1)))
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
