import { graphql, type ResultOf } from '../../src/client/graphql.ts'

export const PLAN = graphql(`
  query Plan(
    $name: String!
    $dataset: String!
    $batchSize: Int!
    $optimizer: OptimizerInput
    $freeze: FreezeInput
    $augmented: Boolean!
    $trainLimit: Int
    $testLimit: Int
  ) {
    architecture(name: $name) {
      title
      batchNorm
      weightLayers
      parameterCount
      plan(
        dataset: $dataset
        batchSize: $batchSize
        optimizer: $optimizer
        freeze: $freeze
        augmented: $augmented
        trainLimit: $trainLimit
        testLimit: $testLimit
      ) {
        __typename
        ... on ArchitecturePlan {
          engine
          fits
          trainingMemoryBytes
          trainableParameters
          secondsPerEpoch
          frozenResults { bytes seconds }
        }
        ... on Error { message }
        ... on ValidationError { issues { path message } }
      }
    }
  }
`)

export type Planned = NonNullable<ResultOf<typeof PLAN>['architecture']>
