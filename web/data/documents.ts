import { graphql, type ResultOf } from '../../src/client/graphql.ts'

export const DATASETS = graphql(`
  query Datasets {
    datasets { id name state progress error source digest imageShape classes trainCount testCount }
  }
`)

export type Dataset = ResultOf<typeof DATASETS>['datasets'][number]

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
