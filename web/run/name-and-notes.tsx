import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'

const RENAME = graphql(`
  mutation Rename($id: ID!, $name: String, $notes: String) {
    renameTrainingRun(id: $id, name: $name, notes: $notes) {
      __typename
      ... on TrainingRun { name notes }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

interface Props {
  run: { id: string; number: number; name: string; notes: string }
  onClose: () => void
}

/** What a run is called, and what people want to remember of it: over the page, to be saved or left. */
export function NameAndNotes({ run, onClose }: Props) {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  const [name, setName] = useState(run.name)
  const [notes, setNotes] = useState(run.notes)
  const [issues, setIssues] = useState<readonly { path: readonly string[]; message: string }[]>([])
  const doing = useDoing()
  useEffect(() => {
    dialog.current!.showModal()
    dialog.current!.querySelector('input')!.select()
  }, [])
  const save = async () => {
    const answer = await doing.run(async (client) => {
      const { renameTrainingRun } = await client.mutate(RENAME, { id: run.id, name, notes })
      if (renameTrainingRun.__typename === 'NotFoundError') throw new Error(renameTrainingRun.message)
      return renameTrainingRun
    })
    if (answer === null) return
    if (answer.__typename === 'ValidationError') setIssues(answer.issues)
    else dialog.current?.close()
  }
  const problem = (field: string) => issues.find(({ path }) => path.at(-1) === field)?.message
  return (
    <dialog ref={dialog} class="panel dialog" aria-labelledby={id} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void save()
        }}
      >
        <h2 id={id}>Run #{run.number}</h2>
        <div class="field">
          <label for={`${id}-name`}>Name</label>
          <input
            id={`${id}-name`}
            value={name}
            aria-invalid={problem('name') !== undefined}
            aria-describedby={`${id}-name-problem`}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <span id={`${id}-name-problem`} class="problem">
            {problem('name')}
          </span>
        </div>
        <div class="field">
          <label for={`${id}-notes`}>Notes</label>
          <textarea
            id={`${id}-notes`}
            rows={5}
            value={notes}
            aria-invalid={problem('notes') !== undefined}
            aria-describedby={`${id}-notes-problem`}
            onInput={(event) => setNotes(event.currentTarget.value)}
          />
          <span id={`${id}-notes-problem`} class="problem">
            {problem('notes')}
          </span>
        </div>
        {doing.error !== null && <Failure error={doing.error} />}
        <div class="row">
          <button type="submit" class="primary" disabled={doing.asked}>
            Save
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
        </div>
      </form>
    </dialog>
  )
}
