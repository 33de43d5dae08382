import { graphql, type ResultOf } from '../../src/client/graphql.ts'

/** All of a run that the form asks for. */
export const RUN_TO_FORK = graphql(`
  query RunToFork($number: Int!) {
    trainingRun(number: $number) {
      number
      name
      seed
      priority
      architecture { name }
      dataset { name }
      checkpointPolicy { keepBest keepLatest everySteps everySeconds }
      pinned { split index }
      checkpoints { id step epoch testAccuracy }
      modelVersions { id version accuracy model { name } }
      hyperparameters {
        preset
        epochs
        batchSize
        learningRate
        logEvery
        labelSmoothing
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
        augmentation { horizontalFlip cropPadding cutout }
        earlyStopping { metric patience minDelta }
      }
    }
  }
`)

export type RunToFork = NonNullable<ResultOf<typeof RUN_TO_FORK>['trainingRun']>
export type Hyperparameters = RunToFork['hyperparameters']
