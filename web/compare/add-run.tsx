import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { percent } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Status } from '../parts/status.tsx'

export const SEARCH = graphql(`
  query RunsToCompare($search: String) {
    trainingRuns(first: 20, search: $search) {
      edges { node { id number name status bestTestAccuracy architecture { name } } }
    }
  }
`)

const MAX_OFFERED = 8

interface Props {
  numbers: readonly number[]
  onAdd: (number: number) => void
}

/** Finds another run by its number or name. */
export function AddRun({ numbers, onAdd }: Props) {
  const [text, setText] = useState('')
  const trimmed = text.trim()
  // A bare number is what people call a run by.
  const search = /^\d+$/.test(trimmed) ? `#${trimmed}` : trimmed
  const { data } = useQuery(SEARCH, { search: search || null })
  const runs = (data?.trainingRuns.edges.map(({ node }) => node) ?? [])
    .filter(({ number }) => !numbers.includes(number))
    .slice(0, MAX_OFFERED)
  return (
    <search class="stack">
      <div class="field">
        <label for="add-run">Another run, by number or name</label>
        <input
          id="add-run"
          type="search"
          value={text}
          autoComplete="off"
          style={{ maxWidth: '22rem' }}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            const [first] = runs
            if (event.key !== 'Enter' || trimmed === '' || first === undefined) return
            event.preventDefault()
            setText('')
            onAdd(first.number)
          }}
        />
      </div>
      {data !== null && runs.length === 0 && (
        <p class="small muted" role="status">
          {trimmed === '' ? 'There is no other run yet.' : 'No other run is called that.'}{' '}
          {trimmed === '' && <a href="/new">Start one</a>}
        </p>
      )}
      <ul class="offers">
        {runs.map(({ id, number, name, status, bestTestAccuracy, architecture }) => (
          <li key={id}>
            <button type="button" onClick={() => onAdd(number)}>
              + #{number} {name}
            </button>{' '}
            <span class="small muted">
              {architecture.name}, {percent(bestTestAccuracy)}
            </span>{' '}
            <Status status={status} />
          </li>
        ))}
      </ul>
    </search>
  )
}
