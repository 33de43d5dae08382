import { graphql } from '../../src/client/graphql.ts'
import { percent } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Panel } from '../parts/panel.tsx'

const MISTAKES = graphql(`
  query WorstMistakes($id: ID!) {
    trainingRun(id: $id) {
      evaluation {
        worstMistakes(first: 16) { index label predicted confidence trueConfidence sample { image(scale: 4) } }
      }
    }
  }
`)

/** The test pictures that the network was surest about, and wrong. */
export function Mistakes({ id }: { id: string }) {
  const { data } = useQuery(MISTAKES, { id })
  const mistakes = data?.trainingRun?.evaluation?.worstMistakes ?? []
  if (mistakes.length === 0) return null
  return (
    <Panel title="Surest mistakes">
      <ul class="pictures labelled">
        {mistakes.map(({ index, label, predicted, confidence, sample }) => (
          <li key={index} class="small">
            {sample !== null && (
              <img class="pixelated" src={sample.image} alt={label} width="128" height="128" />
            )}
            <span>
              {label}, taken for <b>{predicted}</b> <span class="muted">{percent(confidence, 0)}</span>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
