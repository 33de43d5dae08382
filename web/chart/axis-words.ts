import { count, duration } from '../format.ts'
import type { Axis } from './axis.ts'

/** What an axis is called, and how its places are written. */
export const AXIS_WORDS: Record<Axis, { name: string; format: (place: number) => string }> = {
  step: { name: 'step', format: count },
  epoch: { name: 'epoch', format: (epoch) => epoch.toFixed(2) },
  images: { name: 'images', format: count },
  time: { name: 'training time', format: duration },
  clock: { name: 'clock', format: instant },
}

function instant(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
}

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400]

/** Steps apart of what is counted: there is no half step. */
export const WHOLE_TICKS = Array.from({ length: 10 }, (_, power) =>
  [1, 2, 5].map((it) => it * 10 ** power),
).flat()

/** Distances of the ticks of durations, in seconds: such as people count in. */
export const DURATION_TICKS = [
  ...[1e-3, 1e-2, 1e-1].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 28, 56].map((days) => days * DAY),
]

/** A tick of an axis: as short as its distance to the next allows. */
export function tickText(axis: Axis, place: number, apart: number): string {
  if (axis === 'time') return apart < 1 ? `${place.toFixed(apart < 0.1 ? 3 : 1)} s` : shortDuration(place)
  if (axis !== 'clock') return place.toLocaleString('en')
  const date = new Date(place * 1000)
  if (apart >= DAY) return date.toLocaleDateString(undefined, { dateStyle: 'medium' })
  if (apart < 1) return `${date.toLocaleTimeString()}.${String(date.getMilliseconds()).padStart(3, '0')}`
  return date.toLocaleTimeString(undefined, { timeStyle: apart < MINUTE ? 'medium' : 'short' })
}

/** 45 s, 1:30, 2:05:00, 3 d */
function shortDuration(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const all = Math.round(seconds)
  if (all < MINUTE) return `${all} s`
  if (all >= DAY && all % DAY === 0) return `${all / DAY} d`
  const [hours, minutes] = [Math.floor(all / HOUR), Math.floor((all % HOUR) / MINUTE)]
  if (hours === 0) return `${minutes}:${two(all % MINUTE)}`
  return `${hours}:${two(minutes)}:${two(all % MINUTE)}`
}
