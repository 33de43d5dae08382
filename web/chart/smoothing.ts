/**
 * Exponential mean of a curve, its bias removed as Adam does (Kingma and Ba, 2015, section 3), with the half-life in
 * steps: how much it smooths does not depend on how far apart the points are. A constant stays what it is. What is not
 * there (null, a gap, or undefined, nothing) stays what it is and changes nothing.
 * @param steps where each value stands, rising
 * @param halfLife in steps; 0 leaves the curve as it is
 */
export function smooth(
  steps: ArrayLike<number>,
  values: ArrayLike<number | null | undefined>,
  halfLife: number,
): (number | null | undefined)[] {
  const smoothed: (number | null | undefined)[] = []
  let mean = 0
  let weight = 0
  // The first one stands for as many steps as lie before the second.
  let last = steps.length > 1 ? 2 * steps[0]! - steps[1]! : steps[0]! - 1
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value == null) {
      smoothed.push(value)
      continue
    }
    const step = steps[i]!
    // How much of what was is kept over so many steps.
    const kept = halfLife === 0 ? 0 : 0.5 ** ((step - last) / halfLife)
    mean = kept * mean + (1 - kept) * value
    weight = kept * weight + (1 - kept)
    last = step
    smoothed.push(mean / weight)
  }
  return smoothed
}
