import { graphql, type VariablesOf } from '../../client/graphql.ts'
import { expectOf } from '../answers.ts'
import { type Command, type Invocation, UsageError } from '../command.ts'
import { watchToEnd } from './watch.ts'

export const START = graphql(`
  mutation StartRun($input: StartTrainingRunInput!) {
    startTrainingRun(input: $input) {
      __typename
      ... on TrainingRun { id number name status architecture { name title parameterCount } }
      ... on ValidationError { issues { path message } }
      ... on Error { message }
    }
  }
`)
type Input = VariablesOf<typeof START>['input']

export const start: Command = {
  name: 'start',
  takes: 'NETWORK',
  summary: 'trains a network, such as vgg_mini',
  more: 'What is left out comes from the preset, or from a recipe that suits the network.',
  options: {
    dataset: { value: 'NAME', help: 'the data set (cifar10)' },
    preset: { value: 'NAME', help: 'the recipe, such as lecture' },
    epochs: { value: 'N', help: 'passes over the training images' },
    'batch-size': { value: 'N', help: 'images in a step' },
    'learning-rate': { value: 'RATE', help: 'its peak' },
    'log-every': { value: 'N', help: 'steps averaged into a point of the loss curve' },
    'train-limit': { value: 'N', help: 'only the first N training images' },
    'test-limit': { value: 'N', help: 'only the first N test images' },
    seed: { value: 'N', help: 'makes it repeatable' },
    from: { value: 'ID', help: 'begins with the weights of a model version or a checkpoint' },
    freeze: {
      value: 'PART',
      help: 'layers of these that are not trained: features, none, or up to features.16',
    },
    head: { value: 'keep|new', help: 'of the last layer of these: new where the classes are others' },
    'head-learning-rate': { value: 'RATE', help: 'the peak of what is drawn anew' },
    name: { value: 'TEXT', help: 'for people' },
    priority: { value: 'N', help: 'higher ones leave the queue first (0)' },
    input: { value: 'JSON', help: 'any other fields of StartTrainingRunInput: {"optimizer":{"adam":{}}}' },
    watch: { help: 'and shows it until it has ended' },
  },
  count: { least: 1, most: 1 },
  async run(invocation) {
    const { client, screen, json } = invocation
    const { startTrainingRun } = await client.mutate(START, { input: inputOf(invocation) })
    const run = expectOf(startTrainingRun, 'TrainingRun')
    if (json) screen.print(JSON.stringify(run))
    else {
      const { title, parameterCount } = run.architecture
      screen.print(`Run #${run.number}: ${title}, ${parameterCount.toLocaleString('en')} parameters.`)
    }
    return invocation.flag('watch') ? watchToEnd(invocation, run.id, String(run.number)) : 0
  },
}

function inputOf(invocation: Invocation): Input {
  const {
    positionals: [architecture],
    text,
    whole,
    number,
  } = invocation
  const given = {
    dataset: text('dataset'),
    preset: text('preset'),
    epochs: whole('epochs'),
    batchSize: whole('batch-size'),
    learningRate: number('learning-rate'),
    logEvery: whole('log-every'),
    trainLimit: whole('train-limit'),
    testLimit: whole('test-limit'),
    seed: whole('seed', 0),
    transfer: transferOf(invocation),
    name: text('name'),
    priority: whole('priority', Number.MIN_SAFE_INTEGER),
  }
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { ...moreOf(text('input')), ...set, architecture: architecture! }
}

function transferOf({ text, number }: Invocation): Input['transfer'] {
  const [from, freeze, head] = [text('from'), text('freeze'), text('head')?.toUpperCase()]
  const headLearningRate = number('head-learning-rate')
  if (from === undefined) {
    if (freeze ?? head ?? headLearningRate) {
      throw new UsageError('--freeze, --head and --head-learning-rate are of the weights that --from names.')
    }
    return undefined
  }
  if (head !== undefined && head !== 'KEEP' && head !== 'NEW')
    throw new UsageError('--head must be keep or new.')
  const part = freeze?.toUpperCase()
  return {
    from,
    ...(freeze === undefined
      ? {}
      : { freeze: part === 'FEATURES' || part === 'NONE' ? { part } : { upTo: freeze } }),
    ...(head === undefined ? {} : { head }),
    ...(headLearningRate === undefined ? {} : { headLearningRate }),
  }
}

function moreOf(text: string | undefined): Partial<Input> {
  if (text === undefined) return {}
  try {
    const value = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {}
  throw new UsageError('--input must be a JSON object, such as {"optimizer":{"adam":{}}}.')
}
