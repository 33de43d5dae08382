import type { Prisma } from '../../db/generated/client.ts'

/** What runs can be listed by, beside their number. Null where a run has no such figure yet. */
export const RUN_FIGURES = ['bestTestAccuracy', 'lastTestLoss', 'seconds', 'imagesPerSecond'] as const
export type RunFigure = (typeof RUN_FIGURES)[number]

export interface RunOrder {
  by: RunFigure
  direction: 'asc' | 'desc'
}

/** Where a run stands in such a list: runs without the figure come last, and of equal ones the newest first. */
export type RunPlace = readonly [figure: number | null, number: number]

export function isRunPlace(value: unknown): value is RunPlace {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [figure, number] = value
  return (
    (figure === null || Number.isFinite(figure)) && Number.isInteger(number) && Math.abs(number) < 2 ** 31
  )
}

export function placeOf(
  run: Record<RunFigure, number | null> & { number: number },
  { by }: RunOrder,
): RunPlace {
  return [run[by], run.number]
}

/** @param backward  from the last to the first */
export function orderBy(
  { by, direction }: RunOrder,
  backward: boolean,
): Prisma.TrainingRunOrderByWithRelationInput[] {
  return [
    { [by]: { sort: backward ? opposite(direction) : direction, nulls: backward ? 'first' : 'last' } },
    { number: backward ? 'asc' : 'desc' },
  ]
}

/** Runs on one side of a place, and with `inclusive` the one that has it. */
export function beside(
  { by, direction }: RunOrder,
  [figure, number]: RunPlace,
  side: 'behind' | 'before',
  inclusive: boolean,
): Prisma.TrainingRunWhereInput {
  const isBehind = side === 'behind'
  const tie = { [by]: figure, number: { [`${isBehind ? 'lt' : 'gt'}${inclusive ? 'e' : ''}`]: number } }
  if (figure === null) return isBehind ? tie : { OR: [{ [by]: { not: null } }, tie] }
  const isHigher = (direction === 'asc') === isBehind
  const others = { [by]: { [isHigher ? 'gt' : 'lt']: figure } }
  return { OR: isBehind ? [others, tie, { [by]: null }] : [others, tie] }
}

const opposite = (direction: RunOrder['direction']) => (direction === 'asc' ? 'desc' : 'asc')
