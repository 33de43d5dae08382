import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { bytes, percent } from '../format.ts'
import { useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { accept, otherProblem, problemsOf } from '../live/refusal.ts'
import { Drop } from '../parts/drop.tsx'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { Panel } from '../parts/panel.tsx'
import { go } from '../router.ts'
import { Preprocessing, type PreprocessingText, readPreprocessing } from './import-preprocessing.tsx'

const NETWORKS = graphql(`
  query ImportNetworks {
    architectures(first: 100) { edges { node { name title } } }
  }
`)

const IMPORT = graphql(`
  mutation ImportModel($input: ImportModelInput!) {
    importModel(input: $input) {
      __typename
      ... on ModelVersion { version model { name } }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

/** Weights from elsewhere, to become a version: drop the files, say which network they are for. */
export function Import({ name: model = '' }: { name?: string }) {
  const { data } = useQuery(NETWORKS, {})
  const networks = data?.architectures.edges.map(({ node }) => node) ?? []
  const [files, setFiles] = useState<readonly File[]>([])
  const [name, setName] = useState(model)
  const [architecture, setArchitecture] = useState('')
  const [preprocessing, setPreprocessing] = useState<PreprocessingText>({})
  const [sent, setSent] = useState(0)
  const doing = useDoing()
  const send = async () => {
    setSent(0)
    const made = await doing.run(async (client) => {
      const [first] = files
      const isOneFile = files.length === 1 && first !== undefined && !first.name.endsWith('.json')
      const { importModel } = await client.mutate(
        IMPORT,
        {
          input: {
            name,
            architecture,
            weights: isOneFile ? { safetensors: first } : { layersModel: [...files] },
            preprocessing: readPreprocessing(preprocessing),
          },
        },
        { onProgress: ({ sent, total }) => setSent(total === 0 ? 1 : sent / total) },
      )
      return accept(importModel, 'ModelVersion')
    })
    if (made !== null) go(`/models/${encodeURIComponent(made.model.name)}/${made.version}`)
  }
  const weightProblems = problemsOf(doing.error, 'weights')
  const other = otherProblem(doing.error, ['name', 'architecture', 'weights', 'preprocessing'])
  const total = files.reduce((sum, file) => sum + file.size, 0)
  return (
    <Panel title="Import weights">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <Drop
          label="Drop a safetensors file here, or a model.json with its weight files"
          multiple
          onFiles={setFiles}
        >
          <span class="small muted">
            {files.length === 0
              ? 'From PyTorch, timm or Keras: names of tensors may be any of theirs.'
              : `${files.map((file) => file.name).join(', ')} (${bytes(total)})`}
          </span>
        </Drop>
        {weightProblems.length > 0 && <Failure error={weightProblems.slice(0, 12).join(' ')} />}
        <div class="row" style={{ alignItems: 'start' }}>
          <Field label="Network that the weights are of" problems={problemsOf(doing.error, 'architecture')}>
            {(control) => (
              <select
                {...control}
                required
                value={architecture}
                onChange={(event) => setArchitecture(event.currentTarget.value)}
              >
                <option value="">choose one</option>
                {networks.map((network) => (
                  <option key={network.name} value={network.name}>
                    {network.name} · {network.title}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            label="Model that gets them as a version"
            hint="A new name makes a new model."
            problems={problemsOf(doing.error, 'name')}
          >
            {(control) => (
              <input
                {...control}
                required
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            )}
          </Field>
        </div>
        <Preprocessing text={preprocessing} onChange={setPreprocessing} error={doing.error} />
        <div class="row">
          <button type="submit" class="primary" disabled={doing.asked || files.length === 0}>
            Import
          </button>
          {doing.asked && (
            <span class="small muted" role="status">
              {sent < 1 ? `Sent ${percent(sent, 0)}` : 'Sent. The server converts and checks the weights…'}
            </span>
          )}
        </div>
        {doing.asked && (
          <progress value={sent < 1 ? sent : undefined} max={1} aria-label="Progress of the import" />
        )}
        {other !== null && <Failure error={other} />}
      </form>
    </Panel>
  )
}
