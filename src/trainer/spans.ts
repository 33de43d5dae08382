import type { Span, SpanAttributes, Tracing } from '../ports/tracing.ts'
import type { MeasuredEpoch } from '../runs/model/measurements.ts'
import type { TrainerState } from './state.ts'

/** The spans of a trainer's work: its preparations, each epoch with its evaluation, each checkpoint. */
export interface TrainerSpans {
  /** A part of the work begins, and the one before it is over. */
  part(name: 'prepare' | 'frozen layers' | 'epoch', attributes?: SpanAttributes): void
  /** The evaluation of the epoch begins. */
  evaluation(): void
  /** It is over, and only what follows it is left of the epoch. */
  evaluated(epoch: MeasuredEpoch): void
  /** Written beside the other parts. */
  checkpoint(state: Pick<TrainerState, 'step' | 'epoch'>): Span
  /** All is over. */
  close(failure?: { code: string; message: string }): void
}

/** @param parent  traceparent of the span that the work is part of */
export function createTrainerSpans(tracing: Tracing, parent: string | undefined): TrainerSpans {
  const whole = tracing.begin('train', { parent })
  let part: Span | undefined
  let evaluation: Span | undefined

  function endPart(): void {
    evaluation?.end()
    part?.end()
    evaluation = part = undefined
  }

  return {
    part(name, attributes = {}) {
      endPart()
      part = tracing.begin(name, { parent: whole.traceparent, attributes })
    },
    evaluation() {
      evaluation = tracing.begin('evaluation', { parent: part?.traceparent })
    },
    evaluated(epoch) {
      const attributes = attributesOf(epoch)
      evaluation?.set(attributes)
      part?.set(attributes)
      evaluation?.end()
      evaluation = undefined
    },
    checkpoint: ({ step, epoch }) =>
      tracing.begin('checkpoint', {
        parent: whole.traceparent,
        attributes: { 'vggzoo.step': step, 'vggzoo.epoch': epoch },
      }),
    close(failure) {
      endPart()
      if (failure !== undefined) whole.fail(failure.code, failure.message)
      whole.end()
    },
  }
}

/** What is not finite is left out. */
function attributesOf({ trainLoss, testLoss, testAccuracy }: MeasuredEpoch): SpanAttributes {
  return {
    ...(trainLoss !== null && { 'vggzoo.train_loss': trainLoss }),
    ...(testLoss !== null && { 'vggzoo.test_loss': testLoss }),
    ...(testAccuracy !== null && { 'vggzoo.test_accuracy': testAccuracy }),
  }
}
