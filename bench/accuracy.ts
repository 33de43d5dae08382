/**
 * How long a person waits for a network that knows something. Ends with 1 when it takes longer than four minutes or is
 * never reached.
 */
import { defineBench } from './lib/bench.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { eventsOf, inputOf, startRun } from './lib/training-runs.ts'

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
}

export const bench = defineBench({
  measures: 'seconds from startTrainingRun to 70 % of the test images right',
  takes: '1 minute',
  needs: 'CIFAR-10 (139 MB, once)',
  options: { input: 'JSON of StartTrainingRunInput, over one epoch of vgg_mini' },
  run({ input }) {
    const asked = inputOf(INPUT, input)
    return withServer({ dataset: true }, (server) => measure(server, asked))
  },
})

async function measure(server: BenchServer, input: object): Promise<void> {
  const started = performance.now()
  const seconds = () => (performance.now() - started) / 1000
  const id = await startRun(server, input)
  // Ends the server, and with it the stream: an epoch that takes too long never comes.
  const giveUp = setTimeout(() => void server.stop(), MOST_SECONDS * 1000)
  try {
    for await (const event of eventsOf(server, id)) {
      if (event.__typename === 'StatusChanged') report(seconds(), event.status)
      if (event.__typename !== 'EpochEnded') continue
      const { epoch, testAccuracy } = event.summary
      report(seconds(), `epoch ${epoch}: ${(100 * testAccuracy).toFixed(2)} % of the test images`)
      if (testAccuracy < WANTED) continue
      console.log(`${100 * WANTED} % after ${seconds().toFixed(1)} s (at most ${MOST_SECONDS}): ok`)
      return
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

function report(seconds: number, what: string): void {
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${what}`)
}
