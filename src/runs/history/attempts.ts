import { LEVELS } from '../model/buckets.ts'

/** A run's history as it counts, or with the steps that were trained again, as it was. */
export const HISTORY_VIEWS = ['EFFECTIVE', 'RAW'] as const
export type HistoryView = (typeof HISTORY_VIEWS)[number]

/** One start of a trainer, as far as its points are concerned. */
export interface Attempt {
  attempt: number
  /** The step that it went on from. */
  fromStep: number
  /** The step of its newest point; 0 when it has none. */
  last: number
}

/** Points of one attempt: steps from + 1 .. to. */
export interface Part {
  attempt: number
  from: number
  to: number
}

/** Where the points of a part are stored: buckets from .. to - 1 of one of LEVELS, or, for level 0, steps from + 1 .. to. */
export interface Piece extends Part {
  level: number
}

/** What is asked of a history: steps afterStep + 1 .. toStep. */
export interface Range {
  view: HistoryView
  afterStep: number
  /** Undefined for the last. */
  toStep?: number
}

export const NO_END = 2 ** 31 - 1

/** The last step of an attempt that counts: what a later attempt went on from, later ones have trained again. */
export function endOf(attempts: readonly Omit<Attempt, 'last'>[], attempt: number): number {
  return Math.min(NO_END, ...attempts.filter((it) => it.attempt > attempt).map(({ fromStep }) => fromStep))
}

/**
 * What a view shows of each attempt in a range. The parts of an effective history follow one another.
 * @param attempts  in their order
 */
export function partsOf(
  attempts: readonly Omit<Attempt, 'last'>[],
  { view, afterStep, toStep = NO_END }: Range,
): Part[] {
  return attempts
    .map(({ attempt }) => ({
      attempt,
      from: Math.max(0, afterStep),
      to: Math.min(toStep, view === 'RAW' ? NO_END : endOf(attempts, attempt)),
    }))
    .filter(({ from, to }) => from < to)
}

/**
 * The attempts that made the steps 1 .. until of an effective history, in their order. A point may have been made by
 * another one than the first steps of its window.
 */
export function makersOf(attempts: readonly Omit<Attempt, 'last'>[], until: number): number[] {
  let made = 0
  return partsOf(attempts, { view: 'EFFECTIVE', afterStep: 0 })
    .filter(({ to }) => {
      const makes = made < Math.min(to, until)
      made = Math.max(made, to)
      return makes
    })
    .map(({ attempt }) => attempt)
}

/** Which attempt made the point of a step of an effective history. */
export function ownerOf(parts: readonly Part[], step: number): number {
  return parts.find(({ to }) => step <= to)!.attempt
}

/** Covers a part with stored buckets as wide as possible, at most of a level, and with points where it cuts the narrowest. */
export function piecesOf({ attempt, from, to }: Part, level: number): Piece[] {
  if (from >= to) return []
  const stored = LEVELS.findLast((it) => it <= level)
  if (stored === undefined) return [{ attempt, level: 0, from, to }]
  const width = 2 ** stored
  const begin = Math.ceil(from / width)
  const end = to === NO_END ? NO_END : Math.floor(to / width)
  if (begin >= end) return piecesOf({ attempt, from, to }, stored - 1)
  return [
    ...piecesOf({ attempt, from, to: Math.min(to, begin * width) }, stored - 1),
    { attempt, level: stored, from: begin, to: end },
    ...(end === NO_END ? [] : piecesOf({ attempt, from: end * width, to }, stored - 1)),
  ]
}
