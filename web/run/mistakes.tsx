import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { Panel } from '../parts/panel.tsx'
import { MistakePictures } from './mistake-pictures.tsx'

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
    <Panel title="Surest mistakes" query={{ text: MISTAKES, variables: { id } }}>
      <MistakePictures of={mistakes} />
    </Panel>
  )
}
