import { moment, percent } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { useModelsChanged } from '../models/changes.ts'
import { MODELS } from '../models/documents.ts'
import { Import } from '../models/import.tsx'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { params } from '../router.ts'
import '../models/models.css'

/** Every model, and which of its versions answers for it. */
export default function Models() {
  useTitle('Models')
  const after = params.value.get('after')
  const { data, error, refresh } = useQuery(MODELS, { after })
  useModelsChanged(refresh)
  if (data === null) return error === null ? null : <Failure error={error} />
  const { edges, pageInfo, totalCount } = data.models
  return (
    <>
      <h1>Models</h1>
      {edges.length === 0 ? (
        <div class="empty">
          <p>No network has been trained to its end yet: the weights that a run ends with become a model.</p>
          <a class="button primary" href="/">
            Train the first one
          </a>
        </div>
      ) : (
        <Panel
          title={`${totalCount} ${totalCount === 1 ? 'model' : 'models'}`}
          query={{ text: MODELS, variables: { after } }}
        >
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
          <section class="scroll" tabIndex={0} aria-label="Models">
            <table>
              <thead>
                <tr>
                  <th scope="col">Model</th>
                  <th scope="col">Answers</th>
                  <th scope="col">Network</th>
                  {['Accuracy', 'Versions', 'Since'].map((name) => (
                    <th key={name} scope="col" class="number">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {edges.map(({ node: { name, aliases, versions } }) => {
                  const champion = aliases.find((alias) => alias.name === 'champion')
                  const newest = versions.edges[0]?.node
                  const version = champion?.version ?? newest
                  const base = `/models/${encodeURIComponent(name)}`
                  return (
                    <tr key={name}>
                      <th scope="row">
                        <a href={base}>{name}</a>
                      </th>
                      <td>
                        {version === undefined ? (
                          <span class="muted">no version</span>
                        ) : (
                          <>
                            <a href={`${base}/${version.version}`}>version {version.version}</a>{' '}
                            {champion === undefined ? '(newest)' : '(champion)'}
                          </>
                        )}
                      </td>
                      <td>{version?.architecture.name}</td>
                      <td class="number">{percent(version?.accuracy)}</td>
                      <td class="number">{versions.totalCount}</td>
                      <td class="number">{moment(champion?.movedAt ?? newest?.createdAt)}</td>
                    </tr>
                  )
                })}
              </tbody>
            </table>
          </section>
          <div class="row small">
            {after !== null && <a href="/models">The newest</a>}
            {pageInfo.hasNextPage && (
              <a href={`/models?after=${encodeURIComponent(pageInfo.endCursor ?? '')}`}>Older ones</a>
            )}
          </div>
        </Panel>
      )}
      <Import />
    </>
  )
}
