/** A tour for the terminal: train a small network, watch its loss fall, classify a few pictures with it. */
import { parseArgs } from 'node:util'
import { onStopRequest } from '../process/signals.ts'
import { connectTo, type Data, type DemoClient } from './client.ts'
import { type DemoServer, findOrStartServer } from './server.ts'
import { bar, chart, createScreen, picture, type Screen } from './terminal.ts'

const HELP = `npm run demo -- [options]
  --epochs N        epochs to train (2)
  --train-limit N   only the first N training images
  --test-limit N    only the first N test images
  --pictures N      test images to classify (4)
It uses the server at VGGZOO_URL, or at http://localhost:4000, or starts one. Ctrl-C cancels the run.`

const START = `mutation Start($input: StartTrainingRunInput!) {
  startTrainingRun(input: $input) {
    ... on TrainingRun { id number architecture { title parameterCount } }
    ... on Error { message }
  }
}`
const WATCH = `subscription Watch($id: ID!, $after: Cursor) {
  trainingRunEvents(id: $id, after: $after) {
    ... on RunEvent { cursor }
    ... on LossPoints { points { step loss learningRate } }
    ... on EpochEnded { summary { epoch testLoss testAccuracy seconds } }
    ... on StatusChanged { status failure { message } }
  }
}`
const PROGRESS = `query Progress($id: ID!) {
  trainingRun(id: $id) {
    number status progress { step steps epoch epochs imagesPerSecond secondsRemaining }
    engine { kind device }
    dataset { name state progress }
    evaluation { accuracy count perClass { label recall } }
  }
}`
const CLASSIFY = `query Classify($id: ID!, $index: Int!) {
  predict(input: { model: { runId: $id }, image: { sample: { split: TEST, index: $index } } }) {
    ... on Prediction { input latencyMs probabilities(top: 3) { label probability } }
    ... on Error { message }
  }
}`

const SAMPLES = `query Samples($id: ID!, $count: Int!, $seed: Int!) {
  trainingRun(id: $id) { dataset { samples(split: TEST, count: $count, seed: $seed) { index label } } }
}`

const CANCEL = `mutation Cancel($id: ID!) {
  cancelTrainingRun(id: $id) { ... on TrainingRun { step: progress { step } } ... on Error { message } }
}`

const screen = createScreen()
let server: DemoServer | undefined
try {
  const options = readOptions()
  server = await findOrStartServer(screen.print)
  const client = connectTo(server.url)
  const id = await start(client, options)
  const leave = cancelOnInterrupt(client, id)
  const trained = await watch(client, id)
  leave()
  await classify(client, id, trained, options.pictures)
} catch (error) {
  screen.print(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  await server?.stop()
}

function readOptions(): { epochs: number; trainLimit?: number; testLimit?: number; pictures: number } {
  const { values } = parseArgs({
    options: {
      epochs: { type: 'string', default: '2' },
      'train-limit': { type: 'string' },
      'test-limit': { type: 'string' },
      pictures: { type: 'string', default: '4' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    screen.print(HELP)
    process.exit(0)
  }
  const number = (name: 'epochs' | 'train-limit' | 'test-limit' | 'pictures') => {
    const text = values[name]
    if (text === undefined) return undefined
    if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} must be a whole number above 0, not "${text}".`)
    return Number(text)
  }
  return {
    epochs: number('epochs')!,
    trainLimit: number('train-limit'),
    testLimit: number('test-limit'),
    pictures: number('pictures')!,
  }
}

/**
 * Ctrl-C, or a terminal that is closed, cancels the run, whose end is then watched as any other; a later Ctrl-C ends the demo.
 * @returns puts an end to this: the demo then ends at once
 */
function cancelOnInterrupt(client: DemoClient, id: string): () => void {
  const cancel = () => {
    screen.print('Cancelling the run...')
    client.query(CANCEL, { id }).catch((error: Error) => screen.print(error.message))
  }
  return onStopRequest(cancel, () => process.exit(1))
}

async function start(
  client: DemoClient,
  { epochs, trainLimit, testLimit }: ReturnType<typeof readOptions>,
): Promise<string> {
  const input = { architecture: 'vgg_mini', name: 'demo', epochs, trainLimit, testLimit }
  const { startTrainingRun: run } = await client.query(START, { input })
  if (run.message !== undefined) throw new Error(run.message)
  screen.print(
    `Run #${run.number}: ${run.architecture.title}, ${run.architecture.parameterCount.toLocaleString('en')} parameters.`,
  )
  return run.id
}

/** Draws the run until it has ended; answers its final state. */
async function watch(client: DemoClient, id: string): Promise<Data> {
  const losses: number[] = []
  const epochs: string[] = []
  let cursor: string | undefined
  let failure: string | undefined
  const redraw = async () => {
    const { trainingRun: run } = await client.query(PROGRESS, { id })
    draw(screen, run, losses, epochs)
  }
  const timer = setInterval(() => redraw().catch(() => {}), 1000)
  try {
    await client.watch(
      WATCH,
      () => ({ id, after: cursor }),
      ({ trainingRunEvents: event }) => {
        cursor = event.cursor
        for (const point of event.points ?? []) if (point.loss !== null) losses.push(point.loss)
        if (event.summary !== undefined) {
          const { epoch, testAccuracy, testLoss, seconds } = event.summary
          epochs.push(
            `epoch ${epoch}: test accuracy ${percent(testAccuracy)}, test loss ${testLoss?.toFixed(3) ?? 'not finite'}, ${seconds.toFixed(0)} s`,
          )
        }
        if (event.failure) failure = event.failure.message
      },
    )
  } finally {
    clearInterval(timer)
  }
  const { trainingRun: run } = await client.query(PROGRESS, { id })
  draw(screen, run, losses, epochs)
  if (run.status !== 'COMPLETED') throw new Error(`The run is ${run.status}. ${failure ?? ''}`)
  screen.print()
  screen.print(
    `Accuracy on ${run.evaluation.count.toLocaleString('en')} test images: ${percent(run.evaluation.accuracy)}`,
  )
  return run
}

function draw(target: Screen, run: Data, losses: number[], epochs: string[]): void {
  const { step, steps, imagesPerSecond, secondsRemaining } = run.progress
  const fraction = steps === 0 ? 0 : step / steps
  const rest = secondsRemaining === null ? '' : `, ${duration(secondsRemaining)} left`
  const speed = imagesPerSecond === null ? '' : `, ${imagesPerSecond.toFixed(0)} images/s${rest}`
  const waiting =
    run.dataset.state === 'FETCHING' ? `, fetching ${run.dataset.name} ${percent(run.dataset.progress)}` : ''
  const loss = losses.length === 0 ? '' : `loss ${losses[losses.length - 1].toFixed(3)}`
  target.draw(
    [
      run.engine === null ? '' : `${run.engine.kind} on ${run.engine.device}`,
      `${bar(fraction)} ${percent(fraction)}  ${run.status}${waiting}  step ${step}/${steps}${speed}`,
      ...chart(losses),
      ...epochs,
    ],
    `${run.status}${waiting} step ${step}/${steps} ${loss}${speed}`,
  )
}

async function classify(client: DemoClient, id: string, run: Data, pictures: number): Promise<void> {
  const { trainingRun } = await client.query(SAMPLES, { id, count: pictures, seed: run.number })
  for (const { index, label: truth } of trainingRun.dataset.samples) {
    const { predict } = await client.query(CLASSIFY, { id, index })
    if (predict.message !== undefined) throw new Error(predict.message)
    screen.print()
    if (process.stdout.isTTY) for (const line of await picture(predict.input)) screen.print(line)
    screen.print(`test image ${index}, truly ${article(truth)} (${predict.latencyMs.toFixed(0)} ms):`)
    for (const { label, probability } of predict.probabilities) {
      screen.print(`  ${label.padEnd(12)} ${bar(probability, 20)} ${percent(probability)}`)
    }
  }
  const [best] = [...run.evaluation.perClass].sort((a: Data, b: Data) => b.recall - a.recall)
  screen.print()
  screen.print(`It knows ${article(best.label)} best: ${percent(best.recall)} of them.`)
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}

function percent(fraction: number | null): string {
  return fraction === null ? '-' : `${(100 * fraction).toFixed(1)} %`
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
