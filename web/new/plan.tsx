import { big, bytes, duration } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import type { Planned } from './plan-query.ts'

interface Props {
  of: Planned
  epochs: number
  stopsEarly: boolean
  /** Whether some layers are not trained. */
  isFrozen: boolean
}

/** What the run will take, before it is started. */
export function Plan({ of: { parameterCount, weightLayers, plan }, epochs, stopsEarly, isFrozen }: Props) {
  if (plan.__typename !== 'ArchitecturePlan') {
    return (
      <p class="small muted" role="status">
        There is no plan of it: {plan.message}
      </p>
    )
  }
  const { fits, trainingMemoryBytes, trainableParameters, secondsPerEpoch, frozenResults } = plan
  const first = frozenResults === null ? 0 : frozenResults.seconds
  const about = (seconds: number | null, word = 'about') =>
    seconds === null ? 'not known yet' : `${word} ${duration(seconds)}`
  return (
    <div role="status" class="stack">
      <Figures
        of={[
          ['Parameters', `${big(parameterCount)} in ${weightLayers} layers`],
          ...(isFrozen ? ([['Trained', big(trainableParameters)]] as const) : []),
          ['Memory', bytes(trainingMemoryBytes)],
          ['Fits here', fits ? 'yes' : 'no'],
          ...(first === 0 ? [] : ([['Before the first', about(first)]] as const)),
          ['An epoch', about(secondsPerEpoch)],
          [
            'In all',
            about(
              secondsPerEpoch === null || first === null ? null : first + secondsPerEpoch * epochs,
              stopsEarly ? 'at most' : 'about',
            ),
          ],
        ]}
      />
      {frozenResults !== null && (
        <p class="small muted">
          What the frozen layers make of the pictures is computed once, and takes {bytes(frozenResults.bytes)}{' '}
          on the disk while a run needs it.
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
