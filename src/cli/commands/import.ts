import { graphql, type VariablesOf } from '../../client/graphql.ts'
import { expectOf } from '../answers.ts'
import { type Command, type Invocation, UsageError } from '../command.ts'
import { fileOf } from '../files.ts'
import { bar } from '../terminal.ts'
import { bytes, percent } from '../text.ts'

const IMPORT = graphql(`
  mutation ImportFiles($input: ImportModelInput!) {
    importModel(input: $input) {
      __typename
      ... on ModelVersion { id version digest bytes model { name } }
      ... on ValidationError { issues { path message } }
      ... on Error { message }
    }
  }
`)
type Input = VariablesOf<typeof IMPORT>['input']

export const importModel: Command = {
  name: 'import',
  takes: 'MODEL NETWORK FILES...',
  summary: 'makes weights from elsewhere the next version of a model',
  more: 'FILES are one .safetensors file, or a TF.js LayersModel: its model.json and the files of weights beside it.',
  options: {
    labels: { value: 'A,B,...', help: 'the classes in the order of the outputs' },
    preprocessing: {
      value: 'JSON',
      help: 'other fields of PreprocessingInput: {"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}',
    },
  },
  count: { least: 3, most: Number.POSITIVE_INFINITY },
  async run(invocation) {
    const { client, screen, json } = invocation
    const input = await inputOf(invocation)
    const onProgress = ({ sent, total }: { sent: number; total: number }) => {
      if (!screen.isTerminal || json) return
      screen.draw([`${bar(sent / total)} ${percent(sent / total)} of ${bytes(total)}`], '')
    }
    const { importModel: answer } = await client.mutate(IMPORT, { input }, { onProgress })
    const version = expectOf(answer, 'ModelVersion')
    screen.print(
      json ? JSON.stringify(version) : `${version.model.name}/${version.version}, ${bytes(version.bytes)}`,
    )
    return 0
  },
}

async function inputOf({ positionals, text }: Invocation): Promise<Input> {
  const [name, architecture, ...paths] = positionals as [string, string, ...string[]]
  const isLayersModel = paths.some((path) => path.endsWith('.json'))
  if (!isLayersModel && paths.length > 1) {
    throw new UsageError('Several files are a LayersModel, and a model.json must be among them.')
  }
  const files = await Promise.all(paths.map(fileOf))
  const weights = isLayersModel ? { layersModel: files } : { safetensors: files[0]! }
  const labels = text('labels')?.split(',')
  const preprocessing = { ...jsonOf(text('preprocessing')), ...(labels && { labels }) }
  return { name, architecture, weights, ...(Object.keys(preprocessing).length > 0 && { preprocessing }) }
}

function jsonOf(text: string | undefined): object {
  if (text === undefined) return {}
  try {
    const value = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {}
  throw new UsageError('--preprocessing must be a JSON object.')
}
