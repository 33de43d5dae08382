import { useEffect } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { mayAs } from '../live/viewer.ts'
import { Failure } from '../parts/failure.tsx'
import { go } from '../router.ts'
import { isEnd } from '../run/ending.ts'
import { isTyping } from './keys.ts'
import { MAX_SELECTED } from './view.ts'

const DELETE = graphql(`
  mutation DeleteRun($id: ID!) {
    deleteTrainingRun(id: $id) {
      __typename
      ... on TrainingRun { id }
      ... on Error { message }
    }
  }
`)

interface Props {
  selected: readonly number[]
  /** Those of them that are listed. */
  runs: readonly RunCard[]
  onChange: (selected: readonly number[]) => void
}

/** What can be done with the runs that were selected. */
export function Selection({ selected, runs, onChange }: Props) {
  const doing = useDoing()
  const comparison = selected.length > 1 ? `/compare?runs=${selected.join(',')}` : null
  useEffect(() => {
    if (comparison === null) return
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'c' && !isTyping(event)) go(comparison)
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [comparison])
  const ended = runs.filter(({ status }) => isEnd(status))
  const remove = async () => {
    const names = ended.map(({ number }) => `#${number}`).join(', ')
    const text = `Delete ${names} with losses, output and checkpoints? Model versions made of them stay.`
    if (!window.confirm(text)) return
    const gone: number[] = []
    await doing.run(async (client) => {
      for (const { id, number } of ended) {
        const { deleteTrainingRun } = await client.mutate(DELETE, { id })
        if (deleteTrainingRun.__typename !== 'NotFoundError') expectMember(deleteTrainingRun, 'TrainingRun')
        gone.push(number)
      }
    })
    onChange(selected.filter((number) => !gone.includes(number)))
  }
  return (
    <div class="stack">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div class="row selection" role="group" aria-label="Selected runs">
        <span class="small muted" role="status">
          {selected.length === 0
            ? 'Select runs to compare them. j and k move, x selects, c compares, e names, Enter opens, / searches.'
            : `${selected.length} selected${selected.length === MAX_SELECTED ? ', as many as can be compared' : ''}`}
        </span>
        {comparison !== null && (
          <a class="button primary" href={comparison} aria-keyshortcuts="c">
            Compare {selected.length}
          </a>
        )}
        {ended.length > 0 && mayAs('ADMIN') && (
          <button type="button" disabled={doing.asked} onClick={() => void remove()}>
            Delete {ended.length}
          </button>
        )}
        {selected.length > 0 && (
          <button type="button" class="quiet" onClick={() => onChange([])}>
            Clear
          </button>
        )}
      </div>
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
