export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that `part` of them do not exceed; between two it interpolates. NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  const place = part * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN]
  return below + (above - below) * (place - Math.floor(place))
}

/** The largest difference between two lists, relative to the second; NaN when any of them is not finite. */
export function largestDifference(values: readonly number[], reference: readonly number[]): number {
  const differences = values.map((value, i) => Math.abs(value - reference[i]) / Math.abs(reference[i]))
  return differences.length === reference.length ? Math.max(...differences) : Number.NaN
}
