/** A tour for the terminal: train a small network, watch its loss fall, classify a few pictures with it. */
import { parseArgs } from 'node:util'
import { expectOf } from '../cli/answers.ts'
import { START } from '../cli/commands/start.ts'
import { bar, createScreen, hasColours } from '../cli/terminal.ts'
import { percent } from '../cli/text.ts'
import { variable } from '../cli/variable.ts'
import { shortcoming, type WatchedRun, watchRun } from '../cli/watching.ts'
import { graphql } from '../client/graphql.ts'
import { type Client, createClient } from '../client/node.ts'
import { onStopRequest } from '../process/signals.ts'
import { picture } from './picture.ts'
import { type DemoServer, findOrStartServer } from './server.ts'

const HELP = `npm run demo -- [options]
  --epochs N        epochs to train (2)
  --train-limit N   only the first N training images
  --test-limit N    only the first N test images
  --pictures N      test images to classify (4)
It uses the server at VGGZOO_URL, or at http://localhost:4000, or starts one. Ctrl-C cancels the run.`

const CLASSIFY = graphql(`
  query DemoClassify($id: ID!, $index: Int!) {
    predict(input: { model: { runId: $id }, image: { sample: { split: TEST, index: $index } } }) {
      __typename
      ... on Prediction { input latencyMs probabilities(top: 3) { label probability } }
      ... on Error { message }
    }
  }
`)
const SAMPLES = graphql(`
  query DemoSamples($id: ID!, $count: Int!, $seed: Int!) {
    trainingRun(id: $id) { dataset { samples(split: TEST, count: $count, seed: $seed) { index label } } }
  }
`)
const CANCEL = graphql(`
  mutation DemoCancel($id: ID!, $idempotencyKey: String) {
    cancelTrainingRun(id: $id, idempotencyKey: $idempotencyKey) { __typename }
  }
`)

const screen = createScreen()
let server: DemoServer | undefined
let client: Client | undefined
try {
  const options = readOptions()
  server = await findOrStartServer(screen.print)
  client = createClient({ url: server.url, token: variable('VGGZOO_TOKEN') })
  const id = await start(client, options)
  const leave = cancelOnInterrupt(client, id)
  const trained = await watch(client, id)
  leave()
  await classify(client, trained, options.pictures)
} catch (error) {
  screen.print(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  client?.dispose()
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
function cancelOnInterrupt(client: Client, id: string): () => void {
  const cancel = () => {
    screen.print('Cancelling the run...')
    client.mutate(CANCEL, { id }).catch((error: Error) => screen.print(error.message))
  }
  return onStopRequest(cancel, () => process.exit(1))
}

async function start(
  client: Client,
  { epochs, trainLimit, testLimit }: ReturnType<typeof readOptions>,
): Promise<string> {
  const input = { architecture: 'vgg_mini', name: 'demo', epochs, trainLimit, testLimit }
  const { startTrainingRun } = await client.mutate(START, { input })
  const { id, number, architecture } = expectOf(startTrainingRun, 'TrainingRun')
  const { title, parameterCount } = architecture
  screen.print(`Run #${number}: ${title}, ${parameterCount.toLocaleString('en')} parameters.`)
  return id
}

async function watch(client: Client, id: string): Promise<WatchedRun> {
  const run = (await watchRun(client, screen, id))!
  const problem = shortcoming(run)
  if (problem !== null) throw new Error(problem)
  screen.print()
  const { accuracy, count } = run.evaluation!
  screen.print(`Accuracy on ${count.toLocaleString('en')} test images: ${percent(accuracy)}`)
  return run
}

async function classify(client: Client, run: WatchedRun, pictures: number): Promise<void> {
  const { id } = run
  const { trainingRun } = await client.query(SAMPLES, { id, count: pictures, seed: run.number })
  for (const { index, label: truth } of trainingRun!.dataset.samples!) {
    const { predict } = await client.query(CLASSIFY, { id, index })
    const { input, latencyMs, probabilities } = expectOf(predict, 'Prediction')
    screen.print()
    if (hasColours()) for (const line of await picture(input)) screen.print(line)
    screen.print(`test image ${index}, truly ${article(truth)} (${latencyMs.toFixed(0)} ms):`)
    for (const { label, probability } of probabilities) {
      screen.print(`  ${label.padEnd(12)} ${bar(probability, 20)} ${percent(probability)}`)
    }
  }
  const [best] = [...run.evaluation!.perClass].sort((a, b) => (b.recall ?? 0) - (a.recall ?? 0))
  screen.print()
  screen.print(`It knows ${article(best!.label)} best: ${percent(best!.recall)} of them.`)
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}
