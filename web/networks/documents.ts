import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { RUN_CARD } from '../live/runs-changed.ts'

/** What the drawing of a layer is made of. */
const SHAPE = graphql(`
  fragment LayerShape on Layer { index name kind outputShape }
`)

const NETWORK = graphql(
  `
    fragment Network on Architecture {
      name
      title
      origin
      configuration
      features
      batchNorm
      inputShape
      classes
      weightLayers
      parameterCount
      multiplyAdds
      layers { ...LayerShape kernelSize strides units parameterCount multiplyAdds receptiveField }
    }
  `,
  [SHAPE],
)

const PLAN = graphql(`
  fragment Plan on ArchitecturePlan {
    engine
    fits
    secondsPerEpoch
    trainingMemoryBytes
    memory { process dataset weights gradients optimizer activations workspace saving }
  }
`)

export const NETWORKS = graphql(
  `
    query Networks($after: String) {
      architectures(first: 50, after: $after) {
        pageInfo { hasNextPage endCursor }
        edges {
          node {
            name
            title
            origin
            inputShape
            weightLayers
            parameterCount
            multiplyAdds
            layers { ...LayerShape }
          }
        }
      }
    }
  `,
  [SHAPE],
)

export const NETWORK_DETAILS = graphql(
  `
    query NetworkDetails($name: String!, $batchSize: Int!) {
      architecture(name: $name) {
        ...Network
        plan(batchSize: $batchSize) {
          __typename
          ...Plan
          ... on Error { message }
        }
        runs(first: 8) { totalCount edges { node { ...RunCard } } }
      }
    }
  `,
  [NETWORK, PLAN, RUN_CARD],
)

export const PLAN_NETWORK = graphql(
  `
    query PlanNetwork($input: ArchitectureInput!) {
      planArchitecture(input: $input) {
        __typename
        ...Plan
        ... on ArchitecturePlan { architecture { ...Network } }
        ... on Error { message }
        ... on ValidationError { issues { path message } }
      }
    }
  `,
  [NETWORK, PLAN],
)

export const CREATE = graphql(`
  mutation CreateNetwork($input: ArchitectureInput!) {
    createArchitecture(input: $input) {
      __typename
      ... on Architecture { name }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

export const DELETE = graphql(`
  mutation DeleteNetwork($name: String!) {
    deleteArchitecture(name: $name) {
      __typename
      ... on Architecture { name }
      ... on Error { message }
    }
  }
`)

export type Network = ResultOf<typeof NETWORK>
export type Layer = Network['layers'][number]
export type Plan = ResultOf<typeof PLAN>
