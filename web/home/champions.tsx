import { graphql } from '../../src/client/graphql.ts'
import { moment, percent } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { Panel } from '../parts/panel.tsx'

const MODELS = graphql(`
  query Champions {
    models(first: 20) {
      edges {
        node {
          name
          aliases { name movedAt version { version accuracy architecture { name } } }
          versions(first: 1) { totalCount edges { node { version accuracy createdAt architecture { name } } } }
        }
      }
    }
  }
`)

const ALIAS_MOVED = graphql(`
  subscription AliasMoved { aliasMoved { name } }
`)

/** The model of each name that answers for it: its champion, or its newest version. */
export function Champions() {
  const { data, refresh } = useQuery(MODELS, {})
  useStream(ALIAS_MOVED, {}, refresh)
  const models = data?.models.edges.map(({ node }) => node) ?? []
  if (models.length === 0) return null
  return (
    <Panel
      title="Models"
      tools={
        <>
          <a href="/predict">Show one a picture</a>
          <a href="/models">All models</a>
        </>
      }
      query={{ text: MODELS }}
    >
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">Answers</th>
              <th scope="col">Network</th>
              <th scope="col" class="number">
                Accuracy
              </th>
              <th scope="col" class="number">
                Since
              </th>
            </tr>
          </thead>
          <tbody>
            {models.map(({ name, aliases, versions }) => {
              const champion = aliases.find((alias) => alias.name === 'champion')
              const newest = versions.edges[0]?.node
              const version = champion?.version ?? newest
              if (version === undefined) return null
              return (
                <tr key={name}>
                  <th scope="row">
                    <a href={`/models/${encodeURIComponent(name)}`}>{name}</a>
                  </th>
                  <td class="run-name">
                    version {version.version} {champion === undefined ? '(newest)' : '(champion)'}
                  </td>
                  <td>{version.architecture.name}</td>
                  <td class="number">{percent(version.accuracy)}</td>
                  <td class="number">{moment(champion?.movedAt ?? newest?.createdAt)}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
