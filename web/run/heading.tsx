import { useState } from 'preact/hooks'
import { addressOf } from '../data/live.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { Status } from '../parts/status.tsx'
import type { Details } from './details.ts'
import { Naming } from './naming.tsx'

interface Props {
  run: Details
  card: RunCard
  onRenamed: () => void
}

/** What a run is called, what it is of, and what people wrote of it. */
export function Heading({ run, card, onRenamed }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <header class="stack">
      <div class="row spread">
        <h1>
          #{card.number} {card.name}
        </h1>
        <Status status={card.status} />
      </div>
      <p class="muted">
        <a href={`/networks/${encodeURIComponent(run.architecture.name)}`}>{run.architecture.name}</a> on{' '}
        <a href={addressOf(run.dataset.reference)}>{run.dataset.reference}</a>
        {run.parent !== null && (
          <>
            {' '}
            · forked from <a href={`/runs/${run.parent.number}`}>#{run.parent.number}</a> at step{' '}
            {run.parentStep}
          </>
        )}
      </p>
      {run.notes !== '' && !open && <p class="notes">{run.notes}</p>}
      <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary class="small">Name and notes</summary>
        {open && (
          <Naming
            run={run}
            onDone={() => {
              setOpen(false)
              onRenamed()
            }}
          />
        )}
      </details>
    </header>
  )
}
