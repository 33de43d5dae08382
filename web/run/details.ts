import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { RUN_CARD } from '../live/runs-changed.ts'
import { HYPERPARAMETERS } from './hyperparameters.ts'

/** All that the page of a run shows beside its curve, which comes by itself. */
export const RUN_DETAILS = graphql(
  `
    query RunDetails($number: Int!) {
      trainingRun(number: $number) {
        ...RunCard
        notes
        cursor
        attempt
        seed
        priority
        bestStep
        datasetDigest
        parentStep
        transfer { frozenLayers newLayers headLearningRate }
        parent { number name }
        forks { number name status parentStep }
        dataset { name reference classes trainCount }
        engine { kind device instructionSet threads }
        attempts { attempt fromStep startedAt secondsBefore }
        statusChanges { status step attempt at failure { code step layer } }
        failure { code message step layer }
        hyperparameters { ...HyperparameterFacts }
        changes { step learningRate epochs schedule { __typename } rateBefore rateAfter }
        epochs { epoch trainLoss trainAccuracy testLoss testAccuracy seconds attempt }
        checkpoints { step epoch bytes createdAt testAccuracy }
        modelVersions { version accuracy model { name } downloads { safetensors { url } layersModel { url } } }
        evaluation {
          loss
          accuracy
          top5Accuracy
          balancedAccuracy
          count
          unanswered
          confusions(first: 1000) { label predicted count }
          perClass { label precision recall f1 count predicted }
        }
        progress { memoryBytes peakMemoryBytes phases { frozenLayers data forwardBackward optimizer evaluation saving } }
      }
    }
  `,
  [RUN_CARD, HYPERPARAMETERS],
)

export type Details = NonNullable<ResultOf<typeof RUN_DETAILS>['trainingRun']>
export type Epoch = Details['epochs'][number]
