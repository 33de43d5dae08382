import { bytes, moment, percent, words } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Aliases } from '../models/aliases.tsx'
import { useModelsChanged } from '../models/changes.ts'
import { VERSIONS } from '../models/documents.ts'
import { Import } from '../models/import.tsx'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { predictAddress } from '../predict/address.ts'
import { params } from '../router.ts'
import '../models/models.css'

/** The versions of a model and its aliases. */
export default function ModelPage({ name }: { name: string }) {
  useTitle(name)
  const after = params.value.get('after')
  const { data, error, refresh } = useQuery(VERSIONS, { name, after })
  useModelsChanged(refresh)
  if (data === null) return error === null ? null : <Failure error={error} />
  if (data.model === null) {
    return (
      <div class="empty">
        <h1>There is no model {name}.</h1>
        <a class="button" href="/models">
          All models
        </a>
      </div>
    )
  }
  const { versions } = data.model
  const base = `/models/${encodeURIComponent(name)}`
  return (
    <>
      <div class="row spread">
        <div>
          <p class="small">
            <a href="/models">Models</a>
          </p>
          <h1>{name}</h1>
        </div>
        <a class="button primary" href={predictAddress(name)}>
          Show it a picture
        </a>
      </div>
      <Aliases model={name} />
      <Panel title={`Versions (${versions.totalCount})`} query={{ text: QUERY, variables: { name } }}>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
        <section class="scroll" tabIndex={0} aria-label="Versions">
          <table>
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Aliases</th>
                <th scope="col">Network</th>
                <th scope="col">Origin</th>
                {['Accuracy', 'Size', 'Made'].map((column) => (
                  <th key={column} scope="col" class="number">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {versions.edges.map(({ node: it }) => (
                <tr key={it.id}>
                  <th scope="row">
                    <a href={`${base}/${it.version}`}>{it.version}</a>
                  </th>
                  <td>{it.aliases.map((alias) => alias.name).join(', ') || <span class="muted">–</span>}</td>
                  <td>{it.architecture.name}</td>
                  <td class="run-name">
                    {words(it.origin)}{' '}
                    {it.run === null ? (
                      <span class="muted">{it.source ?? 'by a run that was deleted'}</span>
                    ) : (
                      <a href={`/runs/${it.run.number}`}>
                        #{it.run.number} {it.run.name}
                      </a>
                    )}
                  </td>
                  <td class="number">{percent(it.accuracy)}</td>
                  <td class="number">{bytes(it.bytes)}</td>
                  <td class="number">{moment(it.createdAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        {versions.totalCount === 0 && (
          <p class="muted">No version is left. Train its network, or import weights below.</p>
        )}
        <div class="row small">
          {after !== null && <a href={base}>The newest</a>}
          {versions.pageInfo.hasNextPage && (
            <a href={`${base}?after=${encodeURIComponent(versions.pageInfo.endCursor ?? '')}`}>Older ones</a>
          )}
        </div>
      </Panel>
      <Import name={name} />
    </>
  )
}

const QUERY = `query Versions($name: String!) {
  model(name: $name) {
    versions(first: 20) { edges { node { version accuracy origin createdAt aliases { name } } } }
  }
}`
