import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { HYPERPARAMETERS } from '../run/hyperparameters.ts'

/** All of a run that the form asks for. */
export const RUN_TO_FORK = graphql(
  `
  query RunToFork($number: Int!) {
    trainingRun(number: $number) {
      number
      name
      seed
      priority
      architecture { name }
      dataset { reference }
      checkpointPolicy { keepBest keepLatest everySteps everySeconds }
      pinned { split index }
      transfer { frozenLayers headLearningRate }
      checkpoints { id step epoch testAccuracy }
      modelVersions { id version accuracy model { name } }
      hyperparameters { ...HyperparameterFacts }
    }
  }
`,
  [HYPERPARAMETERS],
)

export type RunToFork = NonNullable<ResultOf<typeof RUN_TO_FORK>['trainingRun']>
