import { type Axis, type Point, placesOf, type Track } from '../chart/axis.ts'
import { endsOf } from './track.ts'

export interface SavedPoint extends Point {
  loss: number | null
  nonFinite: string | null
  layer: string | null
  learningRate: number
  imagesPerSecond: number
}

/** All points, page by page. A page may end between the attempts of a step: that step is read again. */
export async function readAll<P extends { step: number }>(
  size: number,
  read: (afterStep: number, first: number) => Promise<readonly P[]>,
): Promise<P[]> {
  const all: P[] = []
  let first = size
  for (;;) {
    const page = await read(all.at(-1)?.step ?? 0, first)
    if (page.length < first) return all.concat(page)
    const last = page.at(-1)!.step
    const whole = page.filter(({ step }) => step < last)
    // Of a step that more attempts trained than a page holds.
    if (whole.length === 0) first *= 2
    all.push(...whole)
  }
}

/** Of the rows of points. */
export const COLUMNS = [
  'run',
  'attempt',
  'counts',
  'step',
  'epoch',
  'images',
  'training_seconds',
  'at',
  'loss',
  'layer',
  'learning_rate',
  'images_per_second',
]

/** A row for each point; what is not finite is NaN, Infinity or -Infinity, and `counts` says what was not trained again. */
export function rowsOf({ number, track }: { number: number; track: Track }, points: readonly SavedPoint[]) {
  const ends = endsOf(track.attempts)
  const over = (axis: Axis) => placesOf(axis, track, [])
  const [images, time] = [over('images'), over('time')]
  return points.map((point) => [
    number,
    point.attempt,
    point.step <= (ends.get(point.attempt) ?? Number.POSITIVE_INFINITY),
    point.step,
    point.epoch,
    images.of(point),
    time.of(point),
    point.at,
    point.loss ?? point.nonFinite,
    point.layer,
    point.learningRate,
    point.imagesPerSecond,
  ])
}
