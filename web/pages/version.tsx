import { graphql } from '../../src/client/graphql.ts'
import { addressOf } from '../data/live.ts'
import { bytes, loss, moment, percent, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { mayAs } from '../live/viewer.ts'
import { Aliases } from '../models/aliases.tsx'
import { useModelsChanged } from '../models/changes.ts'
import { VERSION, type Version } from '../models/documents.ts'
import { Evaluation } from '../models/evaluation.tsx'
import { Lineage } from '../models/lineage.tsx'
import { Downloads, Filters, Preprocessing } from '../models/weights.tsx'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { useTitle } from '../parts/title.ts'
import { predictAddress } from '../predict/address.ts'
import { go, numberOf } from '../router.ts'
import { VersionServing } from '../serving/one-version.tsx'
import '../models/models.css'
import '../run/run.css'

const DELETE = graphql(`
  mutation DeleteVersion($id: ID!) {
    deleteModelVersion(id: $id) {
      __typename
      ... on ModelVersion { id }
      ... on Error { message }
    }
  }
`)

/** One version of a model: where it comes from, how good it is, and what can be done with it. */
export default function VersionPage({ name, version }: { name: string; version: string }) {
  useTitle(`${name} ${version}`)
  const number = numberOf(version)
  const { data, error, refresh } = useQuery(VERSION, number === null ? null : { name, number })
  useModelsChanged(refresh)
  if (number !== null && data === null) return error === null ? null : <Failure error={error} />
  const found = data?.model?.version ?? null
  if (found === null) {
    return (
      <div class="empty">
        <h1>
          There is no version {version} of {name}.
        </h1>
        <a class="button" href={`/models/${encodeURIComponent(name)}`}>
          All versions
        </a>
      </div>
    )
  }
  return <Shown version={found} refresh={refresh} />
}

function Shown({ version: it, refresh }: { version: Version; refresh: () => void }) {
  const model = encodeURIComponent(it.model.name)
  return (
    <>
      <div class="row spread">
        <div>
          <p class="small">
            <a href="/models">Models</a> / <a href={`/models/${model}`}>{it.model.name}</a>
          </p>
          <h1>
            {it.model.name} version {it.version}
          </h1>
          <p class="muted">
            <a href={`/networks/${encodeURIComponent(it.architecture.name)}`}>{it.architecture.name}</a>
            {it.dataset !== null && (
              <>
                {' '}
                that learned from <a href={addressOf(it.dataset.reference)}>{it.dataset.reference}</a>
              </>
            )}
          </p>
        </div>
        <div class="row">
          <a class="button primary" href={predictAddress(it.model.name, it.version)}>
            Show it a picture
          </a>
          {mayAs('ADMIN') && <Delete version={it} />}
        </div>
      </div>
      <Figures
        of={[
          ['Accuracy', percent(it.accuracy ?? it.evaluation?.accuracy)],
          ['Test loss', loss(it.evaluation?.loss)],
          ['Origin', words(it.origin)],
          ['Size', bytes(it.bytes)],
          ['Made', moment(it.createdAt)],
        ]}
      />
      <Lineage version={it} />
      <Aliases model={it.model.name} version={it.version} />
      <VersionServing id={it.id} />
      <Evaluation version={it} onDone={refresh} />
      <Filters id={it.id} />
      <div class="columns">
        <Downloads version={it} />
        <Preprocessing version={it} />
      </div>
    </>
  )
}

function Delete({ version: { id, version, model } }: { version: Version }) {
  const doing = useDoing()
  const remove = async () => {
    const question = `Delete version ${version} of ${model.name}, with its predictions? It cannot be brought back.`
    if (!window.confirm(question)) return
    const done = await doing.run(async (client) => {
      const { deleteModelVersion } = await client.mutate(DELETE, { id })
      return expectMember(deleteModelVersion, 'ModelVersion')
    })
    if (done !== null) go(`/models/${encodeURIComponent(model.name)}`)
  }
  return (
    <>
      <button type="button" disabled={doing.asked} onClick={() => void remove()}>
        Delete
      </button>
      {doing.error !== null && <Failure error={doing.error} />}
    </>
  )
}
