import { graphql, type ResultOf } from '../../src/client/graphql.ts'

export const DATASET = graphql(`
  fragment DatasetFacts on Dataset {
    id
    name
    state
    error
    source
    digest
    imageShape
    classes
    trainCount
    testCount
    downloadBytes
    fetch { phase bytes totalBytes }
    classCounts { label train test }
  }
`)

export type Dataset = ResultOf<typeof DATASET>

export const DATASETS = graphql(
  `
    query Datasets {
      datasets { ...DatasetFacts }
    }
  `,
  [DATASET],
)

export const DATASET_CHANGED = graphql(
  `
    subscription DatasetChanged($name: String!) {
      datasetChanged(name: $name) { ...DatasetFacts }
    }
  `,
  [DATASET],
)

export const SAMPLES = graphql(`
  query Samples($id: ID!, $count: Int!, $seed: Int!, $split: Split!) {
    node(id: $id) {
      __typename
      ... on Dataset { samples(count: $count, seed: $seed, split: $split) { index label image(scale: 3) } }
    }
  }
`)

export const PREPARE = graphql(`
  mutation PrepareDataset($name: String!) {
    prepareDataset(name: $name) {
      __typename
      ... on Dataset { state }
      ... on Error { message }
    }
  }
`)
