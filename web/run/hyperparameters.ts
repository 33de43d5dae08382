import { graphql, type ResultOf } from '../../src/client/graphql.ts'

/** All that a run was told of how to learn: for its page, the list of runs and the form of a fork. */
export const HYPERPARAMETERS = graphql(`
  fragment HyperparameterFacts on Hyperparameters {
    preset
    epochs
    batchSize
    learningRate
    logEvery
    labelSmoothing
    classWeights { balanced weights }
    trainLimit
    testLimit
    onNonFinite
    optimizer {
      __typename
      ... on Sgd { momentum nesterov weightDecay }
      ... on Adam { beta1 beta2 epsilon weightDecay }
    }
    schedule {
      __typename
      ... on StepSchedule { epochs gamma offset }
      ... on CosineSchedule { warmupEpochs finalLearningRate }
      ... on OneCycleSchedule { warmupFraction initialDivisor finalDivisor }
    }
    augmentation {
      horizontalFlip cropPadding cutout rotation scale resizedCrop
      brightness contrast saturation hue erasing mixup
    }
    earlyStopping { metric patience minDelta }
  }
`)

export type Hyperparameters = ResultOf<typeof HYPERPARAMETERS>
