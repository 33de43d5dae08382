/** What a forward pass of a network takes by the number of its pictures, learned from those that were made. */
export interface Cost {
  measured(pictures: number, ms: number): void
  /** Milliseconds; null before the first was measured. */
  of(pictures: number): number | null
  /** The most pictures that take no longer than this; at least one. */
  most(ms: number): number
}

/** Each pass weighs this much less than the next one: other work on the machine comes and goes. */
const DECAY = 0.9

/** A line through what was measured: something for the pass, and something for each picture. */
export function createCost(): Cost {
  // Sums over passes of n pictures in t ms.
  let [weight, n, t, nn, nt] = [0, 0, 0, 0, 0]

  function line(): { fixed: number; each: number } {
    const spread = weight * nn - n * n
    const slope = spread > 1e-6 * weight * nn ? (weight * nt - n * t) / spread : t / n
    // Neither is less than nothing, whatever noise says.
    const each = Math.min(Math.max(slope, 0), t / n)
    return { fixed: (t - each * n) / weight, each }
  }

  return {
    measured(pictures, ms) {
      weight = weight * DECAY + 1
      n = n * DECAY + pictures
      t = t * DECAY + ms
      nn = nn * DECAY + pictures * pictures
      nt = nt * DECAY + pictures * ms
    },
    of(pictures) {
      if (weight === 0) return null
      const { fixed, each } = line()
      return fixed + each * pictures
    },
    most(ms) {
      if (weight === 0) return 1
      const { fixed, each } = line()
      return Math.max(1, Math.floor((ms - fixed) / Math.max(each, Number.MIN_VALUE)))
    },
  }
}
