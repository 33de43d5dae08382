import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { setParams } from '../router.ts'
import { MistakePictures } from './mistake-pictures.tsx'

export const CELL_MISTAKES = graphql(`
  query CellMistakes($id: ID!, $label: String!, $predicted: String!, $first: Int!) {
    node(id: $id) {
      __typename
      ... on TrainingRun { evaluation { ...OfCell } }
      ... on ModelVersion { evaluation { ...OfCell } }
    }
  }
  fragment OfCell on Evaluation {
    mistakes(label: $label, predicted: $predicted, first: $first) {
      totalCount
      edges { node { index label predicted confidence sample { image(scale: 4) } } }
    }
  }
`)

/** Pictures that are shown at first, and as many again when asked. */
export const PAGE = 24
/** As many as the API answers at once. */
const MOST = 100

interface Props {
  /** Of the run or the version. */
  id: string
  label: string
  predicted: string
}

/** The pictures of a class that were taken for another, the surest first. */
export function CellMistakes({ id, label, predicted }: Props) {
  const [first, setFirst] = useState(PAGE)
  const { data, error } = useQuery(CELL_MISTAKES, { id, label, predicted, first })
  const node = data?.node
  const evaluation =
    node?.__typename === 'TrainingRun' || node?.__typename === 'ModelVersion' ? node.evaluation : null
  if (error !== null) return <Failure error={error} />
  if (data === null) return null
  const mistakes = evaluation?.mistakes ?? null
  const pictures = mistakes?.edges.map((edge) => edge.node) ?? []
  return (
    <section class="stack" aria-label={`${label} taken for ${predicted}`}>
      <div class="row spread">
        <p role="status">
          {mistakes === null
            ? 'The pictures were not kept. Evaluate a version of its model, and they are.'
            : `${mistakes.totalCount} of ${label}, taken for ${predicted}`}
        </p>
        <button type="button" class="quiet small" onClick={() => setParams({ label: null, predicted: null })}>
          Hide them
        </button>
      </div>
      <MistakePictures of={pictures} />
      {mistakes !== null && mistakes.totalCount > pictures.length && pictures.length < MOST && (
        <button type="button" class="small" onClick={() => setFirst(Math.min(MOST, first + PAGE))}>
          More of them
        </button>
      )}
    </section>
  )
}
