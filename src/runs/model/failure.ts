import type { TrainerEnd } from '../../ports/trainer-launcher.ts'

export const FAILURE_CODES = [
  'TRAINER_DIED',
  'OUT_OF_MEMORY',
  'SERVER_STOPPED',
  'DISK_LOW',
  'DATASET_UNAVAILABLE',
  'ENGINE_UNAVAILABLE',
  'CHECKPOINT_DAMAGED',
  'LOSS_NOT_FINITE',
  'INTERNAL_ERROR',
] as const
export type FailureCode = (typeof FAILURE_CODES)[number]

/** Why a run FAILED, or was interrupted: what happened and what the person can do about it. */
export interface RunFailure {
  code: FailureCode
  message: string
  /**
   * Of LOSS_NOT_FINITE: the step, and the first layer that was not finite: its gradient on the way from the loss, or what
   * it makes of a test image on the way from that.
   */
  step?: number
  layer?: string
}

/** What of a training was not finite, so that it cannot go on or comes to nothing. */
export interface NotFinite {
  /** A step; every step of an epoch, all of them left out; or the test after every epoch. */
  what: 'STEP' | 'EPOCH' | 'TESTS'
  /** Steps done. */
  step: number
  /** 1-based; of TESTS the last one. */
  epoch: number
  /** Of the last step; null where the tests are meant. */
  loss: number | null
  /** See RunFailure. */
  layer: string | null
}

export function failureOfNotFinite({ what, step, epoch, loss, layer }: NotFinite): RunFailure {
  const became =
    loss === null || Number.isFinite(loss) ? 'A gradient became infinite or NaN' : `The loss became ${loss}`
  const gradient = layer === null ? '' : `; the first gradient that was not finite is that of layer ${layer}`
  const message = {
    STEP: `${became} at step ${step}${gradient}. Use a lower learningRate, or onNonFinite: CONTINUE to leave out such steps.`,
    EPOCH: `Every step of epoch ${epoch} was left out, as its loss or its gradients were not finite: the network is what it was before. ${became} at step ${step}${gradient}. Use a lower learningRate.`,
    TESTS: `The network was not finite after any of its ${epoch} epochs: it says NaN or infinite numbers of test images${layer === null ? '' : `, from layer ${layer} on`}. So there is nothing that the run could come to. Use a lower learningRate.`,
  }[what]
  return { code: 'LOSS_NOT_FINITE', message, step, layer: layer ?? undefined }
}

export const SERVER_STOPPED: RunFailure = {
  code: 'SERVER_STOPPED',
  message: 'The server stopped while the run was at work.',
}

/** @param problem  null where the disk is low no more */
export function diskLow(problem: string | null): RunFailure {
  return { code: 'DISK_LOW', message: problem ?? 'The disk of the server was nearly full.' }
}

/** Whether this is what an engine, or JavaScript, says when there is no memory for an array or to work in. */
export function isOutOfMemory(message: string): boolean {
  return /has no room|allocation failed|(out of|not enough) memory|memory access out of bounds/i.test(message)
}

/** The failure of a run whose trainer ended without having said how the run ended. */
export function failureOfEnd({ kind, how, lastWords }: TrainerEnd): RunFailure {
  switch (kind) {
    case 'outOfMemory':
      return {
        code: 'OUT_OF_MEMORY',
        message: 'The trainer ran out of memory. Use a smaller batchSize or architecture.',
      }
    case 'killed':
      return {
        code: 'TRAINER_DIED',
        message: `The trainer was killed (${how}): by a person, or by the system because memory ran out. If it was memory, use a smaller batchSize or architecture.`,
      }
    case 'exited':
      return {
        code: 'TRAINER_DIED',
        message: `The trainer ended unexpectedly (${how}).${lastWords === null ? ' It said nothing.' : ` Its last words: ${lastWords}`}`,
      }
  }
}
