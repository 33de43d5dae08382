import type { Trainers } from '../../src/trainer/protocol.ts'

/** For what comes to no training. */
export const NO_TRAINERS: Trainers = {
  launch() {
    throw new Error('Nothing trains here.')
  },
}
