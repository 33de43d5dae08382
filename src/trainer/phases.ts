import { PHASES, type Phase, type PhaseSeconds } from '../runs/model/phases.ts'

/** Adds up what each phase takes: two readings of the clock a phase, 0.1 us each. */
export interface PhaseClock {
  add(phase: Phase, milliseconds: number): void
  /** So far; a phase that is under way counts when it is over. */
  seconds(): PhaseSeconds
}

export function createPhaseClock(): PhaseClock {
  const spent = zero()
  return {
    add(phase, milliseconds) {
      spent[phase] += milliseconds
    },
    seconds() {
      const seconds = zero()
      for (const phase of PHASES) seconds[phase] = spent[phase] / 1000
      return seconds
    },
  }
}

function zero(): PhaseSeconds {
  return { frozenLayers: 0, data: 0, forwardBackward: 0, optimizer: 0, evaluation: 0, saving: 0 }
}

/** Passes on what it is given, and counts the time until each item is there. */
export async function* timed<Item>(
  clock: PhaseClock,
  phase: Phase,
  items: AsyncIterable<Item>,
  now: () => number = () => performance.now(),
): AsyncGenerator<Item, void> {
  let asked = now()
  for await (const item of items) {
    clock.add(phase, now() - asked)
    yield item
    asked = now()
  }
}
