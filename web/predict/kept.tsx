import { graphql } from '../../src/client/graphql.ts'
import { moment, percent } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { useStream } from '../live/stream.ts'
import { Panel } from '../parts/panel.tsx'

const KEPT = graphql(`
  query KeptPredictions {
    predictions(first: 12) {
      totalCount
      edges { node { id label confidence createdAt input modelVersion { version model { name } } } }
    }
  }
`)

const MADE = graphql(`
  subscription PredictionMade {
    predictionMade { cursor }
  }
`)

/** The newest answers that are stored, whoever asked. */
export function Kept() {
  const { data, refresh } = useQuery(KEPT, {})
  useStream(MADE, {}, refresh)
  if (data === null || data.predictions.edges.length === 0) return null
  const { edges, totalCount } = data.predictions
  return (
    <Panel title={`Kept (${totalCount})`} query={{ text: QUERY }}>
      <ul class="pictures labelled">
        {edges.map(({ node: { id, label, confidence, createdAt, input, modelVersion } }) => (
          <li key={id} class="small">
            <img class="pixelated" src={input} alt="" width="96" height="96" />
            <b>{label}</b> <span class="muted">{percent(confidence, 0)}</span>
            <br />
            <a href={`/models/${encodeURIComponent(modelVersion.model.name)}/${modelVersion.version}`}>
              {modelVersion.model.name} {modelVersion.version}
            </a>{' '}
            <span class="muted">{moment(createdAt)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

const QUERY = `{
  predictions(first: 12) {
    totalCount
    edges { node { label confidence createdAt modelVersion { version model { name } } } }
  }
}`
