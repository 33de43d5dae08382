import type { ChangedValues } from '../../model/changes.ts'
import type { ControlRequest } from '../../model/controls.ts'
import type { Trainer } from './trainer.ts'

/** What became of a control: the run may have ended, or gone elsewhere, before the trainer heard of it. */
export type ControlOutcome = { kind: 'applied' } | { kind: 'refused'; reason: string } | { kind: 'tooLate' }

/** Changes of hyperparameters that a trainer was asked for and has not answered yet. */
export interface Updates {
  ask(values: ChangedValues, request: ControlRequest): Promise<ControlOutcome>
  /** Sends the trainer what was asked for before it had begun. */
  sendAll(): void
  requestOf(id: number): ControlRequest | undefined
  settle(id: number, outcome: ControlOutcome): void
}

export function createUpdates(trainer: Pick<Trainer, 'send' | 'hasBegun'>): Updates {
  const pending = new Map<
    number,
    { values: ChangedValues; request: ControlRequest; resolve: (outcome: ControlOutcome) => void }
  >()
  let asked = 0
  return {
    ask(values, request) {
      asked += 1
      const id = asked
      const outcome = new Promise<ControlOutcome>((resolve) => {
        pending.set(id, { values, request, resolve })
      })
      if (trainer.hasBegun) trainer.send({ type: 'update', id, values })
      return outcome
    },
    sendAll() {
      for (const [id, { values }] of pending) trainer.send({ type: 'update', id, values })
    },
    requestOf: (id) => pending.get(id)?.request,
    settle(id, outcome) {
      pending.get(id)?.resolve(outcome)
      pending.delete(id)
    },
  }
}
