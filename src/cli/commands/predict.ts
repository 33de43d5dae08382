import type { Client } from '../../client/client.ts'
import { graphql, type VariablesOf } from '../../client/graphql.ts'
import { type Command, Failure, type Invocation, UsageError } from '../command.ts'
import { fileOf } from '../files.ts'
import { versionOf } from '../model-ref.ts'
import { runIdOf } from '../run-ref.ts'
import { bar } from '../terminal.ts'
import { percent } from '../text.ts'

const CLASSIFY = graphql(`
  query ClassifyFile($input: PredictInput!, $top: Int!) {
    predict(input: $input) {
      __typename
      ... on Prediction {
        label
        confidence
        latencyMs
        probabilities(top: $top) { label probability }
        modelVersion { id version model { name } }
      }
      ... on UnsupportedImageError { reason }
      ... on OverloadedError { retryAfterMs }
      ... on Error { message }
    }
  }
`)
type Model = NonNullable<VariablesOf<typeof CLASSIFY>['input']['model']>

export const predict: Command = {
  name: 'predict',
  takes: 'FILES...',
  summary: 'classifies pictures',
  more: 'A picture that cannot be classified says why; then the exit code is 1.',
  options: {
    model: { value: 'MODEL', help: 'NAME, NAME@ALIAS or NAME/VERSION (the newest version of any model)' },
    run: { value: 'RUN', help: 'instead: what this run ended with' },
    top: { value: 'N', help: 'only the N most likely classes (3)' },
  },
  count: { least: 1, most: Number.POSITIVE_INFINITY },
  async run(invocation) {
    const { client, screen, json, positionals, whole } = invocation
    const top = whole('top') ?? 3
    const model = await modelOf(invocation)
    const results: object[] = []
    let failed = false
    for (const file of positionals) {
      const answer = await classify(client, file, model, top)
      failed ||= !('probabilities' in answer)
      if (json) results.push({ file, ...answer })
      else for (const line of linesOf(file, answer)) screen.print(line)
    }
    if (json) screen.print(JSON.stringify(results, null, 2))
    return failed ? 1 : 0
  },
}

async function classify(client: Client, file: string, model: Model | undefined, top: number) {
  try {
    const image = { upload: await fileOf(file) }
    return (await client.query(CLASSIFY, { input: { image, model }, top })).predict
  } catch (error) {
    // The other files are read all the same.
    if (error instanceof Failure) return { message: error.message }
    throw error
  }
}

function linesOf(file: string, answer: Awaited<ReturnType<typeof classify>>): string[] {
  if (!('probabilities' in answer)) return [`${file}: ${answer.message}`]
  const { model, version } = answer.modelVersion
  return [
    `${file} (${model.name}/${version}, ${answer.latencyMs.toFixed(0)} ms):`,
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
