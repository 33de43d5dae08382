/** The file is whole, but no prediction can be made with it: see NonFiniteAnswerError, or it does not fit the network. */
export class UnusableModelError extends Error {
  override readonly name = 'UnusableModelError'
}

/** The network fits its weights, and says NaN or an infinite number of a picture: training diverged, or they hold such. */
export class NonFiniteAnswerError extends UnusableModelError {}

/** There is no predictor process to ask: its engine is missing, it cannot start, or it was closed. */
export class PredictorUnavailableError extends Error {
  override readonly name = 'PredictorUnavailableError'
}

/**
 * This one prediction failed inside the predictor process, or ended that process twice; of a batch, too, what nobody came
 * to compute any more.
 */
export class PredictionFailedError extends Error {
  override readonly name = 'PredictionFailedError'
}
