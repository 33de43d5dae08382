import { useEffect } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import { Bars } from '../parts/bars.tsx'
import { Panel } from '../parts/panel.tsx'

const PINNED = graphql(`
  query Pinned($id: ID!) {
    trainingRun(id: $id) {
      pinned {
        index
        split
        sample { label image(scale: 4) }
        history { epoch probabilities { label probability } }
      }
    }
  }
`)

/** How sure the network became of a few pictures, from epoch to epoch. */
export function Pinned({ id, epochs }: { id: string; epochs: number }) {
  const { data, refresh } = useQuery(PINNED, { id })
  useEffect(refresh, [epochs])
  const pinned = data?.trainingRun?.pinned ?? []
  if (pinned.length === 0) return null
  return (
    <Panel title="Pinned pictures" query={{ text: PINNED, variables: { id } }}>
      <div class="columns">
        {pinned.map(({ index, split, sample, history }) => {
          const newest = history.at(-1)
          return (
            <div key={`${split} ${index}`} class="row" style={{ flexWrap: 'nowrap', alignItems: 'start' }}>
              {sample !== null && (
                <img class="pixelated" src={sample.image} alt={sample.label} width="96" height="96" />
              )}
              <div class="stack" style={{ flex: 1 }}>
                <p class="small">
                  <b>{sample?.label ?? `${split.toLowerCase()} ${index}`}</b>{' '}
                  <span class="muted">
                    {newest === undefined ? 'not asked yet' : `after epoch ${newest.epoch}`}
                  </span>
                </p>
                {newest?.probabilities != null && (
                  <Bars
                    truth={sample?.label}
                    of={newest.probabilities
                      .toSorted((one, other) => other.probability - one.probability)
                      .slice(0, 3)}
                  />
                )}
                <Course history={history} truth={sample?.label} />
              </div>
            </div>
          )
        })}
      </div>
    </Panel>
  )
}

interface Moment {
  epoch: number
  probabilities: readonly { label: string; probability: number }[] | null
}

/** The probability of the true class, from epoch to epoch. */
function Course({ history, truth }: { history: readonly Moment[]; truth: string | undefined }) {
  const course = history.map(
    ({ probabilities }) => probabilities?.find(({ label }) => label === truth)?.probability,
  )
  if (truth === undefined || course.length < 2) return null
  const points = course
    .map((value, i) => `${(120 * i) / (course.length - 1)},${30 - 28 * (value ?? 0)}`)
    .join(' ')
  return (
    <svg width="120" height="32" role="img" aria-label={`Probability of ${truth} by epoch`}>
      <line x1="0" y1="30" x2="120" y2="30" stroke="var(--line)" />
      <polyline points={points} fill="none" stroke="var(--good)" stroke-width="1.5" />
    </svg>
  )
}
