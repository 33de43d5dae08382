import { graphql, type ResultOf } from '../../src/client/graphql.ts'

const ANSWER = graphql(`
  fragment Answer on Prediction {
    label
    known
    latencyMs
    input
    probabilities(top: 10) { label probability }
    modelVersion {
      id
      version
      model { name }
      architecture { name layers { name kind outputShape } }
    }
  }
`)

/** The picture is shown to the model, and nothing is stored. */
export const ASK = graphql(
  `
    query Ask($input: PredictInput!) {
      predict(input: $input) {
        __typename
        ...Answer
        ... on Error { message }
        ... on UnsupportedImageError { reason }
        ... on OverloadedError { retryAfterMs }
      }
    }
  `,
  [ANSWER],
)

/** The same, and the answer is stored. */
export const ASK_AND_KEEP = graphql(
  `
    mutation AskAndKeep($input: PredictInput!) {
      predict(input: $input) {
        __typename
        ...Answer
        ... on Error { message }
        ... on UnsupportedImageError { reason }
        ... on OverloadedError { retryAfterMs }
      }
    }
  `,
  [ANSWER],
)

/** A prediction that is not stored has no id that leads to it: what more is wanted of it is asked with the picture. */
export const ACTIVATIONS = graphql(`
  query Activations($input: PredictInput!, $layer: String!) {
    predict(input: $input) {
      __typename
      ... on Prediction { activations(layer: $layer) }
      ... on Error { message }
      ... on OverloadedError { retryAfterMs }
    }
  }
`)

/** The same, of what speaks for a class. */
export const SALIENCY = graphql(`
  query Saliency($input: PredictInput!, $method: SaliencyMethod!, $class: String!) {
    predict(input: $input) {
      __typename
      ... on Prediction { saliency(method: $method, class: $class) { image } }
      ... on Error { message }
      ... on OverloadedError { retryAfterMs }
    }
  }
`)

/** And of the training pictures that look alike to the network. */
export const NEIGHBOURS = graphql(`
  query Neighbours($input: PredictInput!) {
    predict(input: $input) {
      __typename
      ... on Prediction { neighbours(first: 8) { index label distance sample { image } } }
      ... on Error { message }
      ... on OverloadedError { retryAfterMs }
    }
  }
`)

export type Answer = Extract<ResultOf<typeof ASK>['predict'], { __typename: 'Prediction' }>

/** Which weights are asked; null is the newest that answer. */
export type ModelRef = { alias: { model: string; name: string } } | { versionId: string } | null

/** Where a picture comes from. */
export type Source =
  | { upload: File }
  | { sample: { dataset: string; split: 'TRAIN' | 'TEST'; index: number } }
