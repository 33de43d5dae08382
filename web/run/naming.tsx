import { useId, useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'

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
  run: { id: string; name: string; notes: string }
  onDone: () => void
  /** Goes without a change, where that has a button. */
  onLeave?: () => void
}

/** What a run is called, and what people want to remember of it. What is wrong stands beside its field. */
export function Naming({ run, onDone, onLeave }: Props) {
  const id = useId()
  const [name, setName] = useState(run.name)
  const [notes, setNotes] = useState(run.notes)
  const [issues, setIssues] = useState<readonly { path: readonly string[]; message: string }[]>([])
  const doing = useDoing()
  const save = async (event: Event) => {
    event.preventDefault()
    const answer = await doing.run(async (client) => {
      const { renameTrainingRun } = await client.mutate(RENAME, { id: run.id, name, notes })
      if (renameTrainingRun.__typename === 'NotFoundError') throw new Error(renameTrainingRun.message)
      return renameTrainingRun
    })
    if (answer === null) return
    if (answer.__typename === 'ValidationError') setIssues(answer.issues)
    else onDone()
  }
  const problemOf = (field: string) => issues.find(({ path }) => path.at(-1) === field)?.message
  const ids = (field: string) => ({
    id: `${id}-${field}`,
    'aria-invalid': problemOf(field) !== undefined,
    'aria-describedby': `${id}-${field}-problem`,
  })
  const problem = (field: string) => (
    <span id={`${id}-${field}-problem`} class="problem" role="status">
      {problemOf(field)}
    </span>
  )
  return (
    <form class="stack" onSubmit={(event) => void save(event)}>
      <div class="field">
        <label for={`${id}-name`}>Name</label>
        <input {...ids('name')} value={name} onInput={({ currentTarget }) => setName(currentTarget.value)} />
        {problem('name')}
      </div>
      <div class="field">
        <label for={`${id}-notes`}>Notes</label>
        <textarea
          {...ids('notes')}
          rows={4}
          value={notes}
          onInput={({ currentTarget }) => setNotes(currentTarget.value)}
        />
        {problem('notes')}
      </div>
      {doing.error !== null && <Failure error={doing.error} />}
      <div class="row">
        <button type="submit" class="primary" disabled={doing.asked}>
          Save
        </button>
        {onLeave !== undefined && (
          <button type="button" onClick={onLeave}>
            Leave it
          </button>
        )}
      </div>
    </form>
  )
}
