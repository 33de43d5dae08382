import { ValidationError } from '../../errors.ts'
import type { ChangedValues } from './changes.ts'
import { type ChangeInput, type Issue, resolveChange } from './hyperparameters.ts'
import { type Control, LIFECYCLE, type RunStatus, STATUSES } from './status.ts'

export type ControlInput =
  | { control: 'PAUSE' | 'RESUME' | 'CANCEL' }
  | { control: 'UPDATE'; values: ChangedValues }
  | { control: 'MOVE'; position?: number; priority?: number }

/** What a person asks for, before it is checked. */
export type ControlAsked =
  | Exclude<ControlInput, { control: 'UPDATE' }>
  | { control: 'UPDATE'; values: ChangeInput }

export const MAX_PRIORITY = 1000

/** @throws ValidationError with an issue for each wrong value */
export function checkControl(asked: ControlAsked): ControlInput {
  if (asked.control === 'UPDATE') {
    const resolved = resolveChange(asked.values)
    if ('issues' in resolved) throw new ValidationError(resolved.issues)
    return { control: 'UPDATE', values: resolved.values }
  }
  if (asked.control === 'MOVE') {
    const { position, priority } = asked
    const issues: Issue[] = []
    // A place has the priority of its neighbours.
    if ((position === undefined) === (priority === undefined)) {
      issues.push({ path: [], message: 'Say where to: position or priority, and not both.' })
    }
    if (position !== undefined && !(Number.isInteger(position) && position >= 1)) {
      issues.push({ path: ['position'], message: `A place in the queue is 1 or more, not ${position}.` })
    }
    issues.push(...priorityIssues(priority))
    if (issues.length > 0) throw new ValidationError(issues)
  }
  return asked
}

export function priorityIssues(priority: number | undefined): Issue[] {
  if (priority === undefined) return []
  if (Number.isInteger(priority) && Math.abs(priority) <= MAX_PRIORITY) return []
  return [
    {
      path: ['priority'],
      message: `A whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}, not ${priority}.`,
    },
  ]
}

/** A control with the key under which it is done once, if it has one. */
export interface ControlRequest {
  input: ControlInput
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  /** Of the span that it is asked in. */
  traceparent?: string | undefined
  key: string | undefined
}

/** What a program reads that asked for what is not possible. */
export function whyNot(control: Control, number: number, status: RunStatus): string {
  const where = `Run #${number} is ${status}`
  const applies = STATUSES.filter((from) => LIFECYCLE[from][control] !== null)
  const done = { PAUSE: 'paused', RESUME: 'resumed', CANCEL: 'cancelled', UPDATE: 'changed', MOVE: 'moved' }
  return `${where}; it cannot be ${done[control]}: that is for a run that is ${applies.join(' or ')}.`
}
