import type { Fingerprint } from './fingerprint.ts'

type Looks = Pick<Fingerprint, 'hash' | 'thumbnail'>

/** Two images look alike whose difference hashes differ in at most so many of 64 bits, ... */
const MOST_BITS = 6
/** ... and whose thumbnails differ by at most so many of 255 levels on average, and in any one value. */
const MOST_ON_AVERAGE = 5
const MOST_ANYWHERE = 30

/** Hashes that differ in few bits are the same in one of so many parts of them. */
const BANDS = MOST_BITS + 1
/** In one part of the hash: more images than this are not compared with another one. Plain pictures have all the same hash. */
const MOST_COMPARED = 2000

export function looksAlike(one: Looks, other: Looks): boolean {
  const bits = bitsOf(one.hash[0] ^ other.hash[0]) + bitsOf(one.hash[1] ^ other.hash[1])
  if (bits > MOST_BITS) return false
  let sum = 0
  for (let i = 0; i < one.thumbnail.length; i++) {
    const difference = Math.abs(one.thumbnail[i]! - other.thumbnail[i]!)
    if (difference > MOST_ANYWHERE) return false
    sum += difference
  }
  return sum <= MOST_ON_AVERAGE * one.thumbnail.length
}

/** Finds the images that look like one that came before, without comparing all with all. */
export interface SimilarImages {
  /** Places of those before it that look like this one, the first of them first; the image itself is the next place. */
  add(looks: Looks, most: number, isWanted: (place: number) => boolean): number[]
}

export function createSimilarImages(): SimilarImages {
  const all: Looks[] = []
  const bands = Array.from({ length: BANDS }, () => new Map<number, number[]>())
  return {
    add(looks, most, isWanted) {
      const found = new Set<number>()
      for (const [band, images] of bands.entries()) {
        const key = partOf(looks.hash, band)
        const same = images.get(key)
        if (same === undefined) {
          images.set(key, [all.length])
          continue
        }
        for (const place of same) {
          if (found.has(place) || !looksAlike(looks, all[place]!)) continue
          if (isWanted(place)) found.add(place)
        }
        if (same.length < MOST_COMPARED) same.push(all.length)
      }
      all.push(looks)
      return [...found].sort((one, other) => one - other).slice(0, most)
    },
  }
}

/** The bits of a hash from 64 * band / BANDS on, to the next one's. */
function partOf([low, high]: [number, number], band: number): number {
  const begin = Math.floor((64 * band) / BANDS)
  const end = Math.floor((64 * (band + 1)) / BANDS)
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
  return Number((bits >> BigInt(begin)) & ((1n << BigInt(end - begin)) - 1n))
}

/** How many bits of a word are set (Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
