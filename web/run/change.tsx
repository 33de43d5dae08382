import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { rate } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { ALLOWED } from './allowed.ts'
import type { Details } from './details.ts'

const UPDATE = graphql(`
  mutation Update($id: ID!, $input: UpdateTrainingRunInput!, $idempotencyKey: String) {
    updateTrainingRun(id: $id, input: $input, idempotencyKey: $idempotencyKey) {
      __typename
      ... on TrainingRun { status }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

const SUMMARIES: Partial<Record<RunCard['status'], string>> = {
  QUEUED: 'Change it before it starts',
  PAUSED: 'Change it before it goes on',
  FAILED: 'Change it, then resume it',
  COMPLETED: 'Train it further',
}

/** Another learning rate or another number of epochs, from the next step on. */
export function Change({ run, card }: { run: Details; card: RunCard }) {
  const doing = useDoing()
  const [learningRate, setRate] = useState('')
  const [epochs, setEpochs] = useState('')
  if (!ALLOWED.UPDATE.includes(card.status)) return null
  const input = {
    ...(learningRate.trim() !== '' && { learningRate: Number(learningRate) }),
    ...(epochs.trim() !== '' && { epochs: Number(epochs) }),
  }
  const apply = async (event: Event) => {
    event.preventDefault()
    const done = await doing.run(async (client) => {
      const { updateTrainingRun } = await client.mutate(UPDATE, { id: run.id, input })
      return expectMember(updateTrainingRun, 'TrainingRun')
    })
    if (done === null) return
    setRate('')
    setEpochs('')
  }
  return (
    <details>
      <summary>{SUMMARIES[card.status] ?? 'Change it while it trains'}</summary>
      <form class="row" onSubmit={(event) => void apply(event)}>
        <label class="field">
          <span class="label">Learning rate (now {rate(run.hyperparameters.learningRate)} at most)</span>
          <input
            inputMode="decimal"
            value={learningRate}
            onInput={({ currentTarget }) => setRate(currentTarget.value)}
          />
        </label>
        <label class="field">
          <span class="label">Epochs (now {card.progress.epochs || run.hyperparameters.epochs})</span>
          <input
            inputMode="numeric"
            value={epochs}
            onInput={({ currentTarget }) => setEpochs(currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={doing.asked || Object.keys(input).length === 0}>
          Apply
        </button>
        {doing.asked && <span class="small muted">asked</span>}
      </form>
      {doing.error !== null && <Failure error={doing.error} />}
    </details>
  )
}
