import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { cardOf, type RunCard } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { RunRows } from '../parts/run-rows.tsx'

const MOVE = graphql(`
  mutation Move($id: ID!, $position: Int!, $idempotencyKey: String) {
    moveTrainingRun(id: $id, position: $position, idempotencyKey: $idempotencyKey) {
      __typename
      ... on TrainingRun { queue { position } }
      ... on Error { message }
    }
  }
`)

const MAX_SHOWN = 10

type Way = -1 | 1

/** The runs that wait, the next one first, and buttons that give them another place. */
export function Queue({ runs, onMove }: { runs: readonly RunCard[]; onMove: () => void }) {
  const doing = useDoing()
  const [said, say] = useState('')
  const buttons = useRef<HTMLDivElement>(null)
  const pressed = useRef<{ id: string; way: Way } | null>(null)
  const inOrder = runs
    .map((run) => cardOf(run).value)
    .filter(({ queue }) => queue !== null)
    .sort((one, other) => one.queue!.position - other.queue!.position)
  const move = async ({ id, number, queue }: RunCard, way: Way) => {
    pressed.current = { id, way }
    const place = await doing.run(async (client) => {
      const { moveTrainingRun } = await client.mutate(MOVE, { id, position: queue!.position + way })
      return expectMember(moveTrainingRun, 'TrainingRun').queue?.position ?? null
    })
    if (place !== null) say(`Run #${number} is number ${place} of the queue now.`)
    onMove()
  }
  useLayoutEffect(() => {
    // A row that takes another place loses the focus, and whoever pressed the button may want to press it again.
    if (pressed.current === null || document.activeElement !== document.body) return
    const { id, way } = pressed.current
    const of = (one: number) =>
      buttons.current?.querySelector<HTMLButtonElement>(`[data-move="${id} ${one}"]:not(:disabled)`)
    ;(of(way) ?? of(-way))?.focus()
  })
  const last = inOrder.at(-1)?.queue?.position
  return (
    <div ref={buttons} class="stack">
      <RunRows
        runs={inOrder.slice(0, MAX_SHOWN)}
        tools={{
          title: 'Place',
          of: (run) => (
            <div class="row pair">
              {([-1, 1] as const).map((way) => (
                <button
                  key={way}
                  type="button"
                  data-move={`${run.id} ${way}`}
                  aria-label={`Move #${run.number} ${way < 0 ? 'up' : 'down'}`}
                  disabled={run.queue!.position === (way < 0 ? 1 : last)}
                  aria-disabled={doing.asked}
                  onClick={() => void move(run, way)}
                >
                  {way < 0 ? '↑' : '↓'}
                </button>
              ))}
            </div>
          ),
        }}
      />
      {inOrder.length > MAX_SHOWN && <a href="/runs?status=QUEUED">All {inOrder.length} that wait</a>}
      <span class="spoken" role="status">
        {said}
      </span>
      {doing.error !== null && <Failure error={doing.error} />}
    </div>
  )
}
