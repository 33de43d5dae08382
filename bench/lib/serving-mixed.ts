/** Many pictures of all kinds through `predict` and `predictMany`: each answered right, and nothing of them stays. */

import { graphql, type ResultOf, type VariablesOf } from '../../src/client/graphql.ts'
import { createClient } from '../../src/client/node.ts'
import { heading, judge, note } from './budget.ts'
import { check } from './growth.ts'
import type { BenchServer } from './server.ts'
import { type MixedPicture, makePictures } from './serving-pictures.ts'
import { withServing } from './serving-server.ts'
import { median } from './statistics.ts'

const ANSWER = graphql(`
  fragment MixedAnswer on PredictResult {
    __typename
    ... on Prediction { probabilities { label probability } modelVersion { id } }
    ... on UnsupportedImageError { reason }
    ... on OverloadedError { retryAfterMs }
    ... on Error { message }
  }
`)
const ONE = graphql(`query MixedOne($input: PredictInput!) { predict(input: $input) { ...MixedAnswer } }`, [
  ANSWER,
])
const MANY = graphql(
  `
    query MixedMany($input: PredictManyInput!) {
      predictMany(input: $input) {
        __typename
        ... on PredictionBatch { results { ...MixedAnswer } }
        ... on OverloadedError { retryAfterMs }
        ... on Error { message }
      }
    }
  `,
  [ANSWER],
)
type Answer = ResultOf<typeof ONE>['predict']
type Image = VariablesOf<typeof ONE>['input']['image']
type Client = ReturnType<typeof createClient>

const NETWORK = 'vgg_mini'
/** Different pictures; those that are sent are these, again and again. */
const DIFFERENT = 600
const BATCH = 256
/** Batches, and single pictures beside them, that are under way at once. */
const BATCHES = 2
const SINGLES = 8
/** Of the pictures, those that go in batches. */
const IN_BATCHES = 0.75
/** Of a probability: sums of a batch are added up in another order. */
const TOLERANCE = 1e-6
/** Two pictures with random weights differ by little: a bench that takes one for the other proves nothing. */
const TOLD_APART = 0.95
/** Measured between two pieces of the pictures; three of them are the middle. */
const PIECES = 20
const LEVEL = 1.05
const LEVEL_MEBIBYTES = 24

/** @param count  of pictures that are sent */
export async function measureMixed(count: number): Promise<void> {
  await withServing(
    [{ network: NETWORK }],
    async (server) => {
      const client = createClient({ url: server.url })
      const pictures = await makePictures(Math.min(DIFFERENT, count))
      const model = { versionId: server.versions[0]!.id }
      const alone: Answer[] = []
      for (const picture of pictures) alone.push(await askOne(client, model, picture, 0))
      console.log(
        `\n${count} pictures (${pictures.length} different ones, ${shareBroken(pictures)} % broken) with ${NETWORK}`,
      )
      const wrong: string[] = []
      for (const [index, { name, broken }] of pictures.entries()) {
        if (broken === (alone[index]!.__typename === 'Prediction'))
          wrong.push(`${name}: ${say(alone[index]!)}`)
      }
      const told = alone.filter((answer, index) => !isSame(answer, alone[(index + 1) % alone.length]!))
      const share = told.length / alone.length
      check(
        `${(100 * share).toFixed(1)} % of the answers are not those of the next picture`,
        share >= TOLD_APART,
        `at least ${100 * TOLD_APART} %`,
      )
      const memory = await send(client, server, { count, pictures, model }, (index, answer) => {
        const at = index % pictures.length
        if (!isSame(answer, alone[at]!)) {
          wrong.push(`${pictures[at]!.name}: ${say(answer)} in place of ${say(alone[at]!)}`)
        }
      })
      for (const line of wrong.slice(0, 10)) console.log(`  ${line}`)
      check(`${wrong.length} answers are wrong`, wrong.length === 0, 'none')
      report(memory)
      client.dispose()
    },
    { dataset: true },
  )
}

type Model = { versionId: string }

interface Work {
  count: number
  pictures: readonly MixedPicture[]
  model: Model
}

/** Sends them all, and says each answer. @returns the memory before, between the pieces and at the end */
async function send(
  client: Client,
  server: BenchServer,
  { count, pictures, model }: Work,
  answered: (index: number, answer: Answer) => void,
): Promise<Memory[]> {
  const memory = [await memoryOf(server)]
  const pictureAt = (index: number) => pictures[index % pictures.length]!
  for (let piece = 0; piece < PIECES; piece++) {
    const [first, last] = [piece, piece + 1].map((it) => Math.round((it * count) / PIECES))
    const split = Math.round(first! + (last! - first!) * IN_BATCHES)
    const batches = rangesOf(first!, split, BATCH).map((range) => async () => {
      const images = range.map((index) => imageOf(pictureAt(index), index))
      const { predictMany } = await client.mutate(MANY, { input: { images, model } }, { retry: true })
      if (!('results' in predictMany)) throw new Error(say(predictMany))
      if (predictMany.results.length !== range.length) throw new Error('The batch lacks answers.')
      for (const [place, index] of range.entries()) answered(index, predictMany.results[place]!)
    })
    const singles = rangesOf(split, last!, 1).map(([index]) => async () => {
      answered(index!, await askOne(client, model, pictureAt(index!), index!))
    })
    await Promise.all([atOnce(batches, BATCHES), atOnce(singles, SINGLES)])
    memory.push(await memoryOf(server))
  }
  return memory
}

async function askOne(client: Client, model: Model, picture: MixedPicture, index: number): Promise<Answer> {
  const input = { image: imageOf(picture, index), model }
  return (await client.mutate(ONE, { input }, { retry: true })).predict
}

/** Each way by turns. */
function imageOf({ sent }: MixedPicture, index: number): Image {
  if ('sample' in sent) return { sample: { dataset: 'cifar10', split: 'TEST', index: sent.sample } }
  // Large ones would be more than a request without files may be.
  if (index % 2 === 0 && sent.bytes.length < 50_000)
    return { base64: Buffer.from(sent.bytes).toString('base64') }
  return { upload: new Blob([new Uint8Array(sent.bytes)]) }
}

function isSame(one: Answer, other: Answer): boolean {
  if (one.__typename === 'Prediction' && other.__typename === 'Prediction') {
    const expected = new Map(other.probabilities.map(({ label, probability }) => [label, probability]))
    const near = one.probabilities.every(
      ({ label, probability }) => Math.abs(probability - expected.get(label)!) <= TOLERANCE,
    )
    return near && one.modelVersion.id === other.modelVersion.id
  }
  return say(one) === say(other)
}

function say(answer: object): string {
  return JSON.stringify(answer)
}

function shareBroken(pictures: readonly MixedPicture[]): string {
  return ((100 * pictures.filter(({ broken }) => broken).length) / pictures.length).toFixed(1)
}

function rangesOf(first: number, end: number, size: number): number[][] {
  return Array.from({ length: Math.ceil((end - first) / size) }, (_, piece) =>
    Array.from(
      { length: Math.min(size, end - first - piece * size) },
      (_at, at) => first + piece * size + at,
    ),
  )
}

/** Does the tasks in their order, so many at once. */
async function atOnce(tasks: readonly (() => Promise<void>)[], most: number): Promise<void> {
  const waiting = tasks.values()
  const work = async () => {
    for (const task of waiting) await task()
  }
  await Promise.all(Array.from({ length: most }, work))
}

interface Memory {
  /** MiB. */
  server: number
  predictor: number
}

async function memoryOf(server: BenchServer): Promise<Memory> {
  const query = 'subscription { systemStats { server { memoryBytes } predictor { memoryBytes } } }'
  for await (const { systemStats } of server.watch(query)) {
    return {
      server: systemStats.server.memoryBytes / 2 ** 20,
      predictor: systemStats.predictor.memoryBytes / 2 ** 20,
    }
  }
  throw new Error('The server says nothing of its memory.')
}

/** Level is what does not grow from the middle to the end: before, caches and heaps find their size. */
function report(memory: readonly Memory[]): void {
  heading('Memory, MiB')
  const middle = Math.floor(memory.length / 2)
  for (const part of ['server', 'predictor'] as const) {
    const figures = memory.map((it) => it[part])
    const half = median(figures.slice(middle - 1, middle + 2))
    note(`${part}, at the start (all different pictures were seen once)`, Math.round(figures[0]!), '')
    note(`${part}, in the middle`, Math.round(half), '')
    judge(
      `${part}, at the end`,
      Math.round(median(figures.slice(-3))),
      Math.round(half * LEVEL + LEVEL_MEBIBYTES),
      '',
    )
  }
}
