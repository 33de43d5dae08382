/** What a trainer measures between two loss points. Times are milliseconds since 1970, as they cross processes. */
export interface MeasuredPoint {
  /** 1-based step after which the point was taken. */
  step: number
  /** Epochs trained so far, with the fraction of the present one. */
  epoch: number
  /** Mean cross-entropy in nats over the steps since the last point; null when not finite. */
  loss: number | null
  nonFinite: string | null
  /** The layer whose gradient was not finite first, at the first of these steps that was not; null for none. */
  layer: string | null
  /** The rate of the point's last step. */
  learningRate: number
  imagesPerSecond: number
  /** Milliseconds since 1970. */
  at: number
}

/** What it measures of an epoch and the test after it; null where that is not finite. */
export interface MeasuredEpoch {
  /** 1-based. */
  epoch: number
  trainLoss: number | null
  trainAccuracy: number | null
  testLoss: number | null
  testAccuracy: number | null
  seconds: number
}
