import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { big, bytes, duration } from '../format.ts'
import { Figures } from '../parts/figures.tsx'

/** What the API plans for, whatever is to be learned. */
export const PLANNED = 'cifar10'

export const PLAN = graphql(`
  query Plan($name: String!, $batchSize: Int!, $optimizer: OptimizerInput) {
    architecture(name: $name) {
      title
      batchNorm
      weightLayers
      parameterCount
      plan(batchSize: $batchSize, optimizer: $optimizer) {
        __typename
        ... on ArchitecturePlan { engine fits trainingMemoryBytes secondsPerEpoch }
        ... on Error { message }
        ... on ValidationError { issues { path message } }
      }
    }
  }
`)

type Planned = NonNullable<ResultOf<typeof PLAN>['architecture']>

interface Props {
  of: Planned
  epochs: number
  /** Of all training images, how many it learns from. */
  share: number
  stopsEarly: boolean
  /** What it is to learn from, where that is not what plans are of. */
  other: { name: string; images: string } | null
}

/** What the run will take, before it is started. */
export function Plan({
  of: { parameterCount, weightLayers, plan },
  epochs,
  share,
  stopsEarly,
  other,
}: Props) {
  if (plan.__typename !== 'ArchitecturePlan') {
    return (
      <p class="small muted" role="status">
        There is no plan of it: {plan.message}
      </p>
    )
  }
  const { fits, trainingMemoryBytes, secondsPerEpoch } = plan
  const seconds = secondsPerEpoch === null || other !== null ? null : secondsPerEpoch * share
  return (
    <div role="status" class="stack">
      <Figures
        of={[
          ['Parameters', `${big(parameterCount)} in ${weightLayers} layers`],
          [other === null ? 'Memory' : `Memory on ${PLANNED}`, bytes(trainingMemoryBytes)],
          ['Fits here', fits ? 'yes' : 'no'],
          ['An epoch', seconds === null ? 'not known yet' : `about ${duration(seconds)}`],
          [
            'In all',
            seconds === null
              ? 'not known yet'
              : `${stopsEarly ? 'at most' : 'about'} ${duration(seconds * epochs)}`,
          ],
        ]}
      />
      {other !== null && (
        <p class="small muted">
          Plans are of {PLANNED}. {other.name} has images of {other.images}: the network is fitted to these
          and to its classes, and takes as much more memory and time as they are larger.
        </p>
      )}
      {!fits && (
        <p class="small warning">
          This machine has less memory beside the server: take a smaller batch, or a smaller network.
        </p>
      )}
    </div>
  )
}
