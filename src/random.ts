/**
 * Random numbers that depend on nothing but their key: the same on every engine, machine and run. Made in plain
 * JavaScript, because every TensorFlow.js backend draws its own.
 */
export class Random {
  /** The next whole number in [0, 2^32). */
  readonly next: () => number
  /** The words a, b, c and the counter of sfc32: an engine can go on from here with the same numbers. */
  readonly state: () => Int32Array

  /** A stream of its own for every key, for example (seed, layer, step). Each part counts modulo 2^32. */
  constructor(...key: number[]) {
    const { next, state } = streamOf(key)
    this.next = next
    this.state = state
  }

  /** A whole number in [0, bound), for a bound up to 2^32. */
  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound)
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + (most - least) * (this.next() / 2 ** 32)
  }

  /** The numbers from 0 to length - 1 in random order: Fisher and Yates' shuffle. */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i)
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const value = order[i]
      order[i] = order[j]
      order[j] = value
    }
    return order
  }

  /** `length` values from N(0, deviation^2), by the Box-Muller transform. */
  normal(length: number, deviation: number): Float32Array {
    const values = new Float32Array(length)
    const { next } = this
    for (let i = 0; i < length; i += 2) {
      // In (0, 1], so that the logarithm is finite; the largest radius is 6.7 deviations.
      const radius = deviation * Math.sqrt(-2 * Math.log((next() + 1) / 2 ** 32))
      const angle = (next() / 2 ** 32) * 2 * Math.PI
      values[i] = radius * Math.cos(angle)
      if (i + 1 < length) values[i + 1] = radius * Math.sin(angle)
    }
    return values
  }

  /** `length` values that are 0 with probability `rate` and 1 / (1 - rate) otherwise: their mean is 1. */
  dropoutMask(length: number, rate: number): Float32Array {
    const mask = new Float32Array(length)
    const { next } = this
    const threshold = rate * 2 ** 32
    const kept = 1 / (1 - rate)
    for (let i = 0; i < length; i++) mask[i] = next() < threshold ? 0 : kept
    return mask
  }
}

/** Whole numbers in [0, 2^32) by sfc32 (Chris Doty-Humphrey, PractRand). */
function streamOf(key: readonly number[]): { next: () => number; state: () => Int32Array } {
  let [a, b, c] = [0, 0, 0]
  for (const part of key) {
    a = mix(a ^ part)
    b = mix(b + a)
    c = mix(c ^ b)
  }
  let counter = 1
  const next = () => {
    const out = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + out) | 0
    return out >>> 0
  }
  // The first values after seeding are still alike between neighbouring keys.
  for (let i = 0; i < 12; i++) next()
  return { next, state: () => Int32Array.of(a, b, c, counter) }
}

/** A bijection of 32-bit numbers in which every input bit changes about half of the output bits (murmur3's finaliser). */
function mix(value: number): number {
  let h = (value + 0x9e3779b9) | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
