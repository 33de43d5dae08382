import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { mayAs } from '../live/viewer.ts'
import { Failure } from '../parts/failure.tsx'
import { ALLOWED } from './allowed.ts'

const PAUSE = graphql(`
  mutation Pause($id: ID!, $idempotencyKey: String) {
    control: pauseTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
      __typename
      ... on TrainingRun { status }
      ... on Error { message }
    }
  }
`)

const RESUME = graphql(`
  mutation Resume($id: ID!, $idempotencyKey: String) {
    control: resumeTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
      __typename
      ... on TrainingRun { status }
      ... on Error { message }
    }
  }
`)

const CANCEL = graphql(`
  mutation Cancel($id: ID!, $idempotencyKey: String) {
    control: cancelTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
      __typename
      ... on TrainingRun { status }
      ... on Error { message }
    }
  }
`)

const MUTATIONS = { PAUSE, RESUME, CANCEL }

type Control = keyof typeof MUTATIONS

/** Pause, resume and cancel. The status that is shown changes when the run itself says so. */
export function Controls({
  run,
  children,
  aside,
}: {
  run: Pick<RunCard, 'id' | 'number' | 'status'>
  /** What else can be done with it, first. */
  children?: ComponentChildren
  /** What is no control of the run, last. */
  aside?: ComponentChildren
}) {
  const doing = useDoing()
  const row = useRef<HTMLDivElement>(null)
  const underWay = useRef<Control | null>(null)
  const ask = (control: Control) => {
    underWay.current = control
    const mutation = MUTATIONS[control]
    void doing.run(async (client) => {
      const answer = await client.mutate(mutation as typeof PAUSE, { id: run.id })
      return expectMember(answer.control, 'TrainingRun')
    })
  }
  useLayoutEffect(() => {
    // The button that was pressed waits, and then another one is in its place: whoever uses keys goes on from there. The
    // answer can come before what it tells of is shown, and the run can have gone on in between.
    if (underWay.current === null || doing.asked) return
    if (document.activeElement === document.body)
      row.current?.querySelector<HTMLElement>('button:not(:disabled), a')?.focus()
    if (doing.error !== null || !ALLOWED[underWay.current].includes(run.status)) underWay.current = null
  })
  const may = (control: Control) => mayAs('OPERATOR') && ALLOWED[control].includes(run.status)
  return (
    <div class="stack">
      <div ref={row} class="row">
        {children}
        {may('PAUSE') && (
          <button type="button" disabled={doing.asked} onClick={() => ask('PAUSE')}>
            Pause
          </button>
        )}
        {may('RESUME') && (
          <button type="button" disabled={doing.asked} onClick={() => ask('RESUME')}>
            Resume
          </button>
        )}
        {may('CANCEL') && (
          <button
            type="button"
            disabled={doing.asked}
            onClick={() => {
              if (window.confirm(`Cancel run #${run.number}? It cannot be resumed; its best weights stay.`))
                ask('CANCEL')
            }}
          >
            Cancel
          </button>
        )}
        <a class="button" href={`/new?from=${run.number}`}>
          Fork
        </a>
        <a class="button" href={`/compare?runs=${run.number}`}>
          Compare
        </a>
        {aside}
        {doing.asked && <span class="small muted">asked</span>}
      </div>
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
