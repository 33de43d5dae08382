import { ConflictError } from '../../../errors.ts'
import { type ChangedValues, tooFewEpochs } from '../../model/changes.ts'
import type { Run } from '../../model/run.ts'

/**
 * What the run's status alone forbids; its trainer knows better how far it is.
 * @throws ConflictError
 */
export function checkUpdate(
  run: Pick<Run, 'number' | 'status' | 'epoch' | 'epochs'>,
  { epochs }: ChangedValues,
): void {
  if (run.status === 'COMPLETED' && (epochs === undefined || epochs <= run.epochs)) {
    throw new ConflictError(
      `Run #${run.number} is COMPLETED after ${run.epoch} epochs; to go on it needs more epochs than ${run.epochs}.`,
    )
  }
  if (epochs !== undefined && epochs <= run.epoch) throw new ConflictError(tooFewEpochs(epochs, run.epoch))
}
