import { ValidationError } from '../errors.ts'
import type { ChangedValues } from './changes.ts'
import { type ChangeInput, type Issue, resolveChange } from './hyperparameters.ts'
import type { RunPatch } from './log.ts'
import type { RunStatus } from './status.ts'

/** What a person can do to a run. */
export const CONTROLS = ['PAUSE', 'RESUME', 'CANCEL', 'UPDATE', 'MOVE'] as const
export type Control = (typeof CONTROLS)[number]

/** The status that each control takes a run to from each status; null where it does not apply. */
export const CONTROL_TABLE: Readonly<Record<Control, Readonly<Record<RunStatus, RunStatus | null>>>> = {
  /** A queued run that is paused waits until it is resumed. */
  PAUSE: {
    QUEUED: 'PAUSED',
    PREPARING: 'PAUSED',
    RUNNING: 'PAUSED',
    PAUSED: null,
    COMPLETED: null,
    CANCELLED: null,
    FAILED: null,
  },
  /** A run that FAILED is tried again, from its newest checkpoint. */
  RESUME: {
    QUEUED: null,
    PREPARING: null,
    RUNNING: null,
    PAUSED: 'QUEUED',
    COMPLETED: null,
    CANCELLED: null,
    FAILED: 'QUEUED',
  },
  CANCEL: {
    QUEUED: 'CANCELLED',
    PREPARING: 'CANCELLED',
    RUNNING: 'CANCELLED',
    PAUSED: 'CANCELLED',
    COMPLETED: null,
    CANCELLED: null,
    FAILED: null,
  },
  /** A run that is PREPARING gets the change as soon as it trains; a completed one goes on, with more epochs. */
  UPDATE: {
    QUEUED: 'QUEUED',
    PREPARING: 'RUNNING',
    RUNNING: 'RUNNING',
    PAUSED: 'PAUSED',
    COMPLETED: 'QUEUED',
    CANCELLED: null,
    FAILED: 'FAILED',
  },
  /** To another place in the queue. */
  MOVE: {
    QUEUED: 'QUEUED',
    PREPARING: null,
    RUNNING: null,
    PAUSED: null,
    COMPLETED: null,
    CANCELLED: null,
    FAILED: null,
  },
}

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
  key: string | undefined
}

/** Writes down the keys of requests, so that each is done once. */
export function remembered(requests: readonly ControlRequest[]): Pick<RunPatch, 'controls'> {
  const create = requests.flatMap(({ key, input }) =>
    key === undefined ? [] : [{ key, request: { ...input } as object }],
  )
  return create.length === 0 ? {} : { controls: { create } }
}

/** What a program reads that asked for what is not possible. */
export function whyNot(control: Control, number: number, status: RunStatus): string {
  const where = `Run #${number} is ${status}`
  const applies = Object.entries(CONTROL_TABLE[control])
    .filter(([, to]) => to !== null)
    .map(([from]) => from)
  const done = { PAUSE: 'paused', RESUME: 'resumed', CANCEL: 'cancelled', UPDATE: 'changed', MOVE: 'moved' }
  return `${where}; it cannot be ${done[control]}: that is for a run that is ${applies.join(' or ')}.`
}
