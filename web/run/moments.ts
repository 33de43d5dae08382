import type { Places } from '../chart/axis.ts'
import type { Mark, MarkKind } from '../chart/marks.ts'
import { count, counted, rate, words } from '../format.ts'
import type { Details } from './details.ts'
import { isEnd } from './ending.ts'

/** Something that happened to a run after a step, and when, where that is known better than by the step. */
export interface Moment {
  kind: MarkKind
  step: number
  at?: string
  label: string
}

type Told = Pick<Details, 'attempts' | 'changes' | 'checkpoints' | 'forks' | 'statusChanges'>

/** Restarts with their causes, pauses, changes, checkpoints, forks, and where it failed for what was not finite. */
export function momentsOf({ attempts, changes, checkpoints, forks, statusChanges }: Told): Moment[] {
  const causes = causesOf(statusChanges)
  return [
    ...attempts.slice(1).map(({ attempt, fromStep, startedAt }): Moment => {
      const cause = causes.get(attempt)
      const why = cause === undefined ? '' : `: ${cause}`
      return {
        kind: 'restart',
        step: fromStep,
        at: startedAt,
        label: `attempt ${attempt} goes on from step ${count(fromStep)}${why}`,
      }
    }),
    ...statusChanges.flatMap(({ status, step, at }): Moment[] =>
      status === 'PAUSED' ? [{ kind: 'pause', step, at, label: `paused at step ${count(step)}` }] : [],
    ),
    ...changes.map(({ step, learningRate, epochs, schedule, rateAfter }): Moment => {
      const now = rateAfter ?? learningRate
      const said = [
        now !== null && `learning rate ${rate(now)}`,
        schedule !== null && 'another schedule',
        epochs !== null && counted(epochs, 'epoch'),
      ]
      return { kind: 'change', step, label: `from step ${count(step)}: ${said.filter(Boolean).join(', ')}` }
    }),
    ...forks.flatMap(({ number, name, parentStep }): Moment[] =>
      parentStep === null
        ? []
        : [
            {
              kind: 'fork',
              step: parentStep,
              label: `#${number} ${name} forked at step ${count(parentStep)}`,
            },
          ],
    ),
    ...checkpoints.map(
      ({ step, createdAt }): Moment => ({
        kind: 'checkpoint',
        step,
        at: createdAt,
        label: `checkpoint at step ${count(step)}`,
      }),
    ),
  ]
}

/** What each attempt began after: why the one before had ended. */
function causesOf(statusChanges: Told['statusChanges']): ReadonlyMap<number, string> {
  const causes = new Map<number, string>()
  let cause: string | null = null
  for (const { status, attempt, failure } of statusChanges) {
    if (status === 'RUNNING') {
      if (cause !== null) causes.set(attempt, cause)
      cause = null
    } else if (failure !== null) cause = words(failure.code)
    else if (status === 'PAUSED' || isEnd(status)) cause = `it was ${words(status)}`
  }
  return causes
}

/** A point whose loss is not finite. */
export interface NonFinitePoint {
  step: number
  epoch: number
  attempt: number
  at: string
  nonFinite: string | null
  layer: string | null
}

/**
 * Where a loss was not finite: points of the curve, and steps at which the run failed for it, though its loss there was
 * finite and its gradient was not, or though it went on from before.
 */
export function gapsOf(
  points: readonly NonFinitePoint[],
  statusChanges: Told['statusChanges'],
  places: Places,
): Mark[] {
  const marks = points.flatMap((point): Mark[] => {
    const x = places.of(point)
    const label = `step ${count(point.step)}: the loss is ${point.nonFinite}${inLayer(point.layer)}`
    return x === null ? [] : [{ x, kind: 'gap', label }]
  })
  const seen = new Set(points.map(({ attempt, step }) => `${attempt} ${step}`))
  const failed = statusChanges.flatMap(({ failure, attempt, at }): Mark[] => {
    if (
      failure?.code !== 'LOSS_NOT_FINITE' ||
      failure.step === null ||
      seen.has(`${attempt} ${failure.step}`)
    )
      return []
    const [x] = placed([{ kind: 'gap', step: failure.step, at, label: '' }], places)
    const label = `step ${count(failure.step)} of attempt ${attempt}: not finite${inLayer(failure.layer)}`
    return x === undefined ? [] : [{ ...x, label }]
  })
  return [...marks, ...failed]
}

function inLayer(layer: string | null): string {
  return layer === null ? '' : `, first in layer ${layer}`
}

/** The same on an axis, without those that have no place there. */
export function placed(moments: readonly Moment[], places: Places): Mark[] {
  return moments.flatMap(({ kind, step, at, label }): Mark[] => {
    const x = places.axis === 'clock' && at !== undefined ? Date.parse(at) / 1000 : places.ofStep(step)
    return x === null ? [] : [{ x, kind, label }]
  })
}
