/** Numbers in [0, 1) that a seed repeats: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export type Draw = ReturnType<typeof drawing>

/** What a seed draws, again and again the same. */
export function drawing(seed: number) {
  const random = seededRandom(seed)
  const below = (bound: number) => Math.floor(random() * bound)
  return {
    below,
    chance: (share: number) => random() < share,
    oneOf: <Item>(items: readonly Item[]): Item => items[below(items.length)]!,
    bytes: (length: number) => Buffer.from(Uint8Array.from({ length }, () => below(256))),
  }
}
