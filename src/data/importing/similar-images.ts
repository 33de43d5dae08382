import type { Fingerprint } from './fingerprint.ts'

type Looks = Pick<Fingerprint, 'hash' | 'thumbnail'>

/** Two images look alike whose difference hashes differ in at most so many of 64 bits, ... */
const MOST_BITS = 7
/** ... and whose thumbnails differ by at most so many of 255 levels on average, and in any one value. */
const MOST_ON_AVERAGE = 10
const MOST_ANYWHERE = 80

/** Hashes that differ in at most 7 bits differ in at most one of those of one of four parts. */
const PARTS = 4
const PART_BITS = 64 / PARTS
/** With one part in common: more images than this are not compared with another one. Plain pictures have all the same hash. */
const MOST_COMPARED = 500

const NONE = -1

/** Finds the images that look like one that came before, without comparing all with all (Norouzi, "Fast search in Hamming space with multi-index hashing", 2012). */
export interface SimilarImages {
  /**
   * Places of those before it that look like this one, in their order; the image itself has the next place.
   * @param isWanted  asked of each that does
   */
  add(looks: Looks, isWanted: (place: number) => boolean): number[]
}

export function createSimilarImages(most: number): SimilarImages {
  const all: Looks[] = []
  const hashes = [new Int32Array(most), new Int32Array(most)] as const
  /** By the part's bits: the last image that has them; then, by image, the one before with the same. */
  const last = Array.from({ length: PARTS }, () => new Int32Array(1 << PART_BITS).fill(NONE))
  const before = Array.from({ length: PARTS }, () => new Int32Array(most))

  function search(looks: Looks, part: number, bits: number, found: (place: number) => void): void {
    const [low, high] = looks.hash
    let compared = 0
    for (let place = last[part]![bits]!; place !== NONE; place = before[part]![place]!) {
      if (++compared > MOST_COMPARED) return
      const different = bitsOf(low ^ hashes[0][place]!) + bitsOf(high ^ hashes[1][place]!)
      if (different <= MOST_BITS && areThumbnailsAlike(looks.thumbnail, all[place]!.thumbnail)) found(place)
    }
  }

  return {
    add(looks, isWanted) {
      const place = all.length
      const found = new Set<number>()
      const take = (other: number) => {
        if (!found.has(other) && isWanted(other)) found.add(other)
      }
      for (let part = 0; part < PARTS; part++) {
        const own = partOf(looks.hash, part)
        search(looks, part, own, take)
        for (let bit = 0; bit < PART_BITS; bit++) search(looks, part, own ^ (1 << bit), take)
        before[part]![place] = last[part]![own]!
        last[part]![own] = place
      }
      all.push(looks)
      for (const word of [0, 1] as const) hashes[word][place] = looks.hash[word]
      return [...found].sort((one, other) => one - other)
    },
  }
}

function areThumbnailsAlike(one: Uint8Array, other: Uint8Array): boolean {
  let sum = 0
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!)
    if (difference > MOST_ANYWHERE) return false
    sum += difference
  }
  return sum <= MOST_ON_AVERAGE * one.length
}

/** A quarter of the bits: half of one word, as 16 bits. */
function partOf([low, high]: [number, number], part: number): number {
  const word = part < 2 ? low : high
  return part % 2 === 0 ? word & 0xffff : word >>> 16
}

/** How many bits of a word are set (Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555)
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333)
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
