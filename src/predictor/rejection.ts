import { UnsupportedImageError } from '../pictures/errors.ts'
import { DamagedArtifactError } from '../ports/artifact-store.ts'
import { NonFiniteAnswerError, PredictionFailedError, UnusableModelError } from './errors.ts'
import type { Rejection } from './protocol.ts'

/** In the predictor process: an error as the data that crosses to the server. */
export function toRejection(error: unknown): Rejection {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof UnsupportedImageError) return { kind: 'image', reason: error.reason, message }
  if (error instanceof DamagedArtifactError) return { kind: 'artifact', message }
  if (error instanceof NonFiniteAnswerError) return { kind: 'answer', message }
  if (error instanceof UnusableModelError) return { kind: 'model', message }
  return { kind: 'internal', message }
}

/** In the server: the error that the predictor process met. */
export function fromRejection(rejection: Rejection): Error {
  switch (rejection.kind) {
    case 'image':
      return new UnsupportedImageError(rejection.reason, rejection.message)
    case 'artifact':
      return new DamagedArtifactError(rejection.message)
    case 'model':
      return new UnusableModelError(rejection.message)
    case 'answer':
      return new NonFiniteAnswerError(rejection.message)
    case 'internal':
      // The process has printed the error itself.
      return new PredictionFailedError(
        'The prediction failed in the predictor process. The server log says why.',
      )
  }
}
