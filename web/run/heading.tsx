import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { Status } from '../parts/status.tsx'
import type { Details } from './details.ts'

const RENAME = graphql(`
  mutation Rename($id: ID!, $name: String, $notes: String) {
    renameTrainingRun(id: $id, name: $name, notes: $notes) {
      __typename
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

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
        <a href={`/data/${encodeURIComponent(run.dataset.name)}`}>{run.dataset.name}</a>
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

function Naming({ run, onDone }: { run: Details; onDone: () => void }) {
  const doing = useDoing()
  const [name, setName] = useState(run.name)
  const [notes, setNotes] = useState(run.notes)
  const save = async (event: Event) => {
    event.preventDefault()
    const done = await doing.run(async (client) => {
      const { renameTrainingRun } = await client.mutate(RENAME, { id: run.id, name, notes })
      return expectMember(renameTrainingRun, 'TrainingRun')
    })
    if (done !== null) onDone()
  }
  return (
    <form class="stack" onSubmit={(event) => void save(event)}>
      <label class="field">
        <span class="label">Name</span>
        <input value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
      </label>
      <label class="field">
        <span class="label">Notes</span>
        <textarea rows={3} value={notes} onInput={({ currentTarget }) => setNotes(currentTarget.value)} />
      </label>
      <div class="row">
        <button type="submit" disabled={doing.asked}>
          Save
        </button>
      </div>
      {doing.error !== null && <Failure error={doing.error} />}
    </form>
  )
}
