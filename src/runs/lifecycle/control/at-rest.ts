import type { PrismaClient } from '../../../db/generated/client.ts'
import { ConflictError } from '../../../errors.ts'
import { makingRoom } from '../../../storage/room.ts'
import type { Journal } from '../../journal/journal.ts'
import {
  type Change,
  type ChangedValues,
  latestHyperparameters,
  whyNotChange,
  withChange,
} from '../../model/changes.ts'
import type { ControlRequest } from '../../model/controls.ts'
import { rateChangeAt } from '../../model/learning-rate.ts'
import type { Run } from '../../model/run.ts'
import { ACTIVE, type RunStatus } from '../../model/status.ts'
import type { Checkpoints } from '../checkpoints.ts'
import type { KeptResults } from '../kept-results.ts'
import { checkUpdate } from './check-update.ts'
import { moveInQueue } from './move.ts'
import { remembered } from './remembered.ts'

export interface AtRestOptions {
  prisma: PrismaClient
  journal: Journal
  checkpoints: Pick<Checkpoints, 'newest' | 'giveUp'>
  keptResults: Pick<KeptResults, 'release'>
}

/**
 * Does what a person asks for to a run that no trainer works for.
 * @param to  the status that this takes it to
 * @returns false when it has gone elsewhere meanwhile
 * @throws ConflictError
 */
export function controlAtRest(
  run: Run,
  to: RunStatus,
  request: ControlRequest,
  options: AtRestOptions,
): Promise<boolean> {
  const { input } = request
  switch (input.control) {
    case 'MOVE':
      return moveInQueue(run, input, request, options)
    case 'UPDATE':
      return update(run, to, input.values, request, options)
    default:
      return goTo(run, to, input.control, request, options)
  }
}

async function update(
  run: Run,
  to: RunStatus,
  values: ChangedValues,
  request: ControlRequest,
  { journal, checkpoints }: AtRestOptions,
): Promise<boolean> {
  checkUpdate(run, values)
  const newest = await checkpoints.newest(run.id)
  if (run.status === 'COMPLETED' && newest === null) {
    throw new ConflictError(
      `Run #${run.number} has no checkpoint with the state of its training, and cannot go on. Fork it: start one with transfer: { from }.`,
    )
  }
  const place = { step: newest?.step ?? 0, epoch: newest?.epoch ?? 0 }
  const change: Change = { step: place.step, ...values }
  const reason = whyNotChange(run.changes, change)
  if (reason !== null) throw new ConflictError(reason)
  const changes = withChange(run.changes, change)
  const { epochs } = latestHyperparameters(run.hyperparameters, changes)
  const stepsPerEpoch = run.steps / run.epochs
  const rates = rateChangeAt(run.hyperparameters, changes, place.step, stepsPerEpoch)
  const applied = { kind: 'CONTROL_APPLIED', control: 'UPDATE', step: place.step } as const
  const body = { ...applied, change: { ...change, ...rates } }
  const patch = {
    changes: changes as object[],
    epochs,
    // Epochs are of one length; 0 until the data set is known.
    steps: stepsPerEpoch * epochs,
    ...remembered([request]),
  }
  // One whose supervisor could not record its end is still called at work.
  if (to === run.status || ACTIVE.includes(run.status)) {
    return journal.appendIn(run.status, run.id, [body], patch)
  }
  return journal.transition(run.id, to, {
    from: [run.status],
    before: [body],
    step: place.step,
    patch: { ...patch, ...place, finishedAt: null },
  })
}

async function goTo(
  run: Run,
  to: RunStatus,
  control: 'PAUSE' | 'RESUME' | 'CANCEL',
  request: ControlRequest,
  { journal, checkpoints, keptResults }: AtRestOptions,
): Promise<boolean> {
  const newest = control === 'RESUME' ? await checkpoints.newest(run.id) : null
  const place = { step: newest?.step ?? 0, epoch: newest?.epoch ?? 0 }
  // One that was cancelled while nobody worked for it was where its row says.
  const step = control === 'RESUME' ? place.step : run.step
  const values = {
    PAUSE: {},
    CANCEL: { finishedAt: new Date(), secondsRemaining: null },
    RESUME: { ...place, finishedAt: null, restarts: 0 },
  }[control]
  const write = () =>
    journal.transition(run.id, to, {
      from: [run.status],
      before: [{ kind: 'CONTROL_APPLIED', control, step }],
      step,
      patch: { ...values, ...remembered([request]) },
    })
  if (control !== 'CANCEL') return write()
  const done = await makingRoom(write)
  // It is cancelled, whatever becomes of this: the next start does what is left.
  if (done) {
    await checkpoints.giveUp(run.id).catch(() => {})
    await keptResults.release(run).catch(() => {})
  }
  return done
}
