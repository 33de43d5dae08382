/** How long the open requests of a process will take, by what those before them took. */
export interface Waiting {
  /** A request came. */
  began(model: number): void
  /** It is not open any more, whether it was answered or not. */
  ended(model: number): void
  /** A batch was answered. */
  computed(model: number, pictures: number): void
  /** Milliseconds until what is open now is answered. */
  expectedMs(): number
}

/** Each batch weighs this much less than the next one. */
const DECAY = 0.9
/** What is guessed weighs at first as much as so many pictures. */
const GUESSED = 16
/** A silence that is longer than a pass may be is part of the wait: where nothing is answered, it grows. */
const SILENCE_MS = 1000

/** @param guess  milliseconds of a picture of a model that was not measured yet */
export function createWaiting(
  guess: (model: number) => number,
  now: () => number = () => performance.now(),
): Waiting {
  const open = new Map<number, number>()
  const rates = new Map<number, { ms: number; pictures: number }>()
  let all = 0
  let since = 0

  function each(model: number): number {
    const rate = rates.get(model)
    return rate === undefined ? guess(model) : rate.ms / rate.pictures
  }

  return {
    began(model) {
      // Idle time says nothing of the speed.
      if (all === 0) since = now()
      all += 1
      open.set(model, (open.get(model) ?? 0) + 1)
    },
    ended(model) {
      all -= 1
      const left = open.get(model)! - 1
      if (left === 0) open.delete(model)
      else open.set(model, left)
    },
    computed(model, pictures) {
      const at = now()
      const rate = rates.get(model)
      // The first batch waits for the weights, and says nothing of the next. Nor does a small one say much of full ones.
      if (rate === undefined) rates.set(model, { ms: guess(model) * GUESSED, pictures: GUESSED })
      else {
        // All that passed since the last answer, decoding and what others did to the machine with it.
        rate.ms = rate.ms * DECAY + at - since
        rate.pictures = rate.pictures * DECAY + pictures
      }
      since = at
    },
    expectedMs() {
      let ms = all === 0 ? 0 : Math.max(0, now() - since - SILENCE_MS)
      for (const [model, count] of open) ms += count * each(model)
      return ms
    },
  }
}
