/**
 * How long a person waits for a network that knows something: the seconds from startTrainingRun, on a real server, to
 * the first evaluation with 70 % of the 10,000 test images right.
 *   npm run bench:accuracy
 *   ENGINE=wasm BENCH_INPUT='{"epochs": 2}' npm run bench:accuracy
 * Ends with 1 when it takes longer than four minutes or is never reached.
 */
import { cpus } from 'node:os'
import { setup as fetchDataset } from '../test/support/dataset-cache.ts'
import { EVENTS, type Event, START } from '../test/support/runs.ts'
import { startServer, stopServers, type TestServer } from '../test/support/server.ts'

const WANTED = 0.7
const MOST_SECONDS = 240

/**
 * One pass over all images, whose rate ends near 0: an evaluation comes after each epoch, and one while the rate is
 * still high says little. Nothing is augmented, as no image comes twice.
 */
const INPUT = {
  architecture: 'vgg_mini',
  epochs: 1,
  batchSize: 32,
  learningRate: 0.002,
  optimizer: { adam: {} },
  schedule: { oneCycle: {} },
  augmentation: {},
  seed: 1,
  ...JSON.parse(process.env.BENCH_INPUT ?? '{}'),
}

await fetchDataset()
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}`)
try {
  const server = await startServer({ env: { ENGINE: process.env.ENGINE ?? 'auto', LOG_LEVEL: 'info' } })
  await measure(server)
} finally {
  await stopServers()
}

async function measure(server: TestServer): Promise<void> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const { startTrainingRun: run } = await server.query(START, { input: INPUT })
  if (run.__typename !== 'TrainingRun') throw new Error(JSON.stringify(run))
  // Ends the server, and with it the stream: an epoch that takes too long never comes.
  const giveUp = setTimeout(() => void server.stop(), MOST_SECONDS * 1000)
  try {
    for await (const { data, errors } of server.subscribe(EVENTS, { id: run.id })) {
      if (errors !== undefined) throw new Error(errors[0].message)
      const event = data.trainingRunEvents as Event
      if (event.__typename === 'StatusChanged') {
        console.log(`${seconds().toFixed(1).padStart(7)} s  ${event.status} ${event.failure?.message ?? ''}`)
      }
      if (event.__typename !== 'EpochEnded') continue
      const { epoch, testAccuracy } = event.summary
      console.log(
        `${seconds().toFixed(1).padStart(7)} s  epoch ${epoch}: ${(100 * testAccuracy).toFixed(2)} % of the test images`,
      )
      if (testAccuracy >= WANTED) {
        console.log(`${100 * WANTED} % after ${seconds().toFixed(1)} s (at most ${MOST_SECONDS}): ok`)
        return
      }
    }
  } catch (error) {
    if (seconds() < MOST_SECONDS) throw error
  } finally {
    clearTimeout(giveUp)
  }
  console.log(
    `${100 * WANTED} % was not reached in ${seconds().toFixed(1)} s (at most ${MOST_SECONDS}): FAILED`,
  )
  process.exitCode = 1
}
