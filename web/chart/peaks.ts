import type { Values } from './model.ts'

/** What is left out above, and below, of all values. */
const SHARE = 0.01
/** Of what is left, on either side of it. */
const MARGIN = 0.05

/**
 * Where the values of some curves lie but for their peaks: without the highest hundredth and the lowest of all together,
 * with some room; null where there is none.
 */
export function withoutPeaks(curves: readonly Values[], logarithmic: boolean): [number, number] | null {
  const all = curves
    .flatMap((values) => values.filter((it): it is number => it != null && (!logarithmic || it > 0)))
    .sort((one, other) => one - other)
  const left = Math.floor(all.length * SHARE)
  const [least, greatest] = [all[left], all[all.length - 1 - left]]
  if (least === undefined || greatest === undefined) return null
  if (logarithmic) {
    const room = least === greatest ? 2 : (greatest / least) ** MARGIN
    return [least / room, greatest * room]
  }
  const room = MARGIN * (greatest - least) || 0.5
  return [least - room, greatest + room]
}
