import type { Client } from '../../client/client.ts'
import { graphql, type ResultOf, type VariablesOf } from '../../client/graphql.ts'
import { type Command, type Invocation, UsageError } from '../command.ts'
import { fileOf, UnreadableFile } from '../files.ts'
import { versionOf } from '../model-ref.ts'
import { runIdOf } from '../run-ref.ts'
import { bar } from '../terminal.ts'
import { percent } from '../text.ts'

const CLASSIFY = graphql(`
  query ClassifyFiles($input: PredictManyInput!, $top: Int!) {
    predictMany(input: $input) {
      __typename
      ... on PredictionBatch {
        results {
          __typename
          ... on Prediction {
            label
            confidence
            known
            latencyMs
            probabilities(top: $top) { label probability }
            modelVersion { id version model { name } }
          }
          ... on UnsupportedImageError { reason }
          ... on Error { message }
        }
      }
      ... on OverloadedError { retryAfterMs }
      ... on Error { message }
    }
  }
`)
/** Of every picture. */
type Wanted = Pick<VariablesOf<typeof CLASSIFY>['input'], 'model' | 'threshold'>
type Model = NonNullable<VariablesOf<typeof CLASSIFY>['input']['model']>

/** Of one request: enough to keep the server busy, and few enough that the first answers come soon. */
const MOST_FILES = 64
const MOST_BYTES = 64 * 2 ** 20

export const predict: Command = {
  name: 'predict',
  takes: 'FILES...',
  summary: 'classifies pictures',
  more: 'A picture that cannot be classified says why; then the exit code is 1.',
  options: {
    model: { value: 'MODEL', help: 'NAME, NAME@ALIAS or NAME/VERSION (the newest version of any model)' },
    run: { value: 'RUN', help: 'instead: what this run ended with' },
    threshold: { value: 'SHARE', help: 'none of the classes where the most likely has less, 0 to 1' },
    top: { value: 'N', help: 'only the N most likely classes (3)' },
  },
  count: { least: 1, most: Number.POSITIVE_INFINITY },
  async run(invocation) {
    const { client, screen, json, positionals, whole, number } = invocation
    const top = whole('top') ?? 3
    const asked = { model: await modelOf(invocation), threshold: number('threshold') }
    const results: object[] = []
    let failed = false
    for await (const { file, answer } of classify(client, positionals, asked, top)) {
      failed ||= !('probabilities' in answer)
      if (json) results.push({ file, ...answer })
      else for (const line of linesOf(file, answer)) screen.print(line)
    }
    if (json) screen.print(JSON.stringify(results, null, 2))
    return failed ? 1 : 0
  },
}

type Result = ResultOf<typeof CLASSIFY>['predictMany']
type Answer = Extract<Result, { results: unknown }>['results'][number] | { message: string }

/** In the order of the files. */
async function* classify(client: Client, files: string[], wanted: Wanted, top: number) {
  for (let at = 0; at < files.length; ) {
    const asked: { file: string; upload: Blob | UnreadableFile }[] = []
    for (let bytes = 0; at < files.length && asked.length < MOST_FILES && bytes < MOST_BYTES; at++) {
      const upload = await fileOf(files[at]!).catch((error: unknown) => {
        // The other files are read all the same.
        if (error instanceof UnreadableFile) return error
        throw error
      })
      asked.push({ file: files[at]!, upload })
      bytes += upload instanceof UnreadableFile ? 0 : upload.size
    }
    const uploads = asked.map(({ upload }) => upload).filter((upload) => upload instanceof Blob)
    const answers = await answersOf(client, uploads, wanted, top)
    for (const { file, upload } of asked) {
      const answer = upload instanceof UnreadableFile ? { message: upload.reason } : answers.shift()!
      yield { file, answer }
    }
  }
}

async function answersOf(client: Client, uploads: Blob[], wanted: Wanted, top: number) {
  if (uploads.length === 0) return []
  const input = { images: uploads.map((upload) => ({ upload })), ...wanted }
  // As a mutation is sent, it waits for a server that has much to do, and not for one that is not there.
  const { predictMany: batch } = await client.mutate(CLASSIFY, { input, top }, { retry: true })
  return 'results' in batch ? [...batch.results] : uploads.map((): Answer => ({ message: batch.message }))
}

function linesOf(file: string, answer: Answer): string[] {
  if (!('probabilities' in answer)) return [`${file}: ${answer.message}`]
  const { model, version } = answer.modelVersion
  return [
    `${file} (${model.name}/${version}, ${answer.latencyMs.toFixed(0)} ms):${answer.known ? '' : ' none of the classes'}`,
    ...answer.probabilities.map(
      ({ label, probability }) => `  ${label.padEnd(12)} ${bar(probability, 20)} ${percent(probability)}`,
    ),
  ]
}

async function modelOf({ client, text }: Invocation): Promise<Model | undefined> {
  const [model, run] = [text('model'), text('run')]
  if (model !== undefined && run !== undefined) throw new UsageError('Give --model or --run, not both.')
  if (run !== undefined) return { runId: await runIdOf(client, run) }
  return model === undefined ? undefined : { versionId: (await versionOf(client, model)).id }
}
