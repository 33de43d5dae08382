import { isMissing } from '../../db/errors.ts'
import { ValidationError } from '../../errors.ts'
import { LABEL, NOTES, readLabel, readNotes } from '../../label.ts'
import { noRun } from '../journal/find-run.ts'
import type { Journal } from '../journal/journal.ts'
import type { Issue } from '../model/hyperparameters.ts'

export interface RenameInput {
  name?: string
  notes?: string
}

/**
 * Gives a run another name, other notes or both, whatever its status. That is no event of its journal, which says what
 * was trained; who watches all runs hears of it.
 * @throws ValidationError, NotFoundError
 */
export async function renameRun(
  journal: Pick<Journal, 'progress'>,
  id: string,
  asked: RenameInput,
): Promise<void> {
  const name = asked.name === undefined ? undefined : readLabel(asked.name)
  const notes = asked.notes === undefined ? undefined : readNotes(asked.notes)
  const issues: Issue[] = []
  if (name === undefined && notes === undefined) {
    issues.push({ path: [], message: 'Say what to change: name, notes or both.' })
  }
  if (name === null) issues.push({ path: ['name'], message: `A name has ${LABEL}` })
  if (notes === null) issues.push({ path: ['notes'], message: `Notes have ${NOTES}` })
  if (issues.length > 0 || name === null || notes === null) throw new ValidationError(issues)
  await journal.progress(id, { name, notes }).catch((error: unknown) => {
    throw isMissing(error) ? noRun() : error
  })
}
