import { graphql, type ResultOf } from '../../src/client/graphql.ts'

/** What a card or a heading shows of a data set: little enough to be told several times a second. */
export const DATASET = graphql(`
  fragment DatasetFacts on Dataset {
    id
    name
    reference
    version
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
    import { state phase progress done total ahead error origin canRetry }
  }
`)

export type Dataset = ResultOf<typeof DATASET>

export const DATASETS = graphql(
  `
    query Datasets {
      datasets { ...DatasetFacts versions { reference version state } }
    }
  `,
  [DATASET],
)

export type Listed = ResultOf<typeof DATASETS>['datasets'][number]

const CHANGES = graphql(`
  fragment Changes on Dataset {
    parent { reference }
    edits { classes { from to } relabelled excluded mostOfClass }
  }
`)

export type Changes = ResultOf<typeof CHANGES>

/** All that the page of a data set shows, beside pictures and findings. */
export const DATASET_PAGE = graphql(
  `
    query DatasetPage($name: String!) {
      dataset(name: $name) {
        ...DatasetFacts
        ...Changes
        classCounts { label train test }
        normalization { mean std }
        bytes
        import {
          layout
          files
          smallest
          largest
          settings { size resize testShare seed }
          findingCounts { kind count }
        }
        versions {
          reference
          version
          state
          trainCount
          testCount
          bytes
          createdAt
          import { origin }
          ...Changes
        }
      }
    }
  `,
  [DATASET, CHANGES],
)

export type Whole = NonNullable<ResultOf<typeof DATASET_PAGE>['dataset']>

export const DATASET_CHANGED = graphql(
  `
    subscription DatasetChanged($name: String!) {
      datasetChanged(name: $name) { ...DatasetFacts }
    }
  `,
  [DATASET],
)

/** Which data sets there are, and what state they are in. */
export const DATASETS_CHANGED = graphql(`
  subscription DatasetsChanged {
    datasetsChanged { name reference state }
  }
`)

export const SAMPLES = graphql(`
  query Samples($id: ID!, $count: Int!, $seed: Int!, $split: Split!, $scale: Int!) {
    node(id: $id) {
      __typename
      ... on Dataset { samples(count: $count, seed: $seed, split: $split) { index label image(scale: $scale) } }
    }
  }
`)

export const CLASS_PICTURES = graphql(`
  query ClassPictures($id: ID!, $split: Split!, $class: String!, $first: Int!, $after: String, $scale: Int!) {
    node(id: $id) {
      __typename
      ... on Dataset {
        images(split: $split, class: $class, first: $first, after: $after) {
          totalCount
          pageInfo { hasNextPage endCursor }
          edges { node { index label image(scale: $scale) } }
        }
      }
    }
  }
`)

export const FINDINGS = graphql(`
  query Findings($id: ID!, $kind: DatasetFindingKind, $first: Int!, $after: String) {
    node(id: $id) {
      __typename
      ... on Dataset {
        import {
          findings(kind: $kind, first: $first, after: $after) {
            totalCount
            pageInfo { hasNextPage endCursor }
            edges {
              node {
                kind
                path
                message
                other
                sample { split index label image(scale: 1) }
                otherSample { split index label image(scale: 1) }
              }
            }
          }
        }
      }
    }
  }
`)

export type Finding = NonNullable<
  Extract<ResultOf<typeof FINDINGS>['node'], { __typename: 'Dataset' }>['import']
>['findings']['edges'][number]['node']
export type FindingKind = Finding['kind']

export const PREPARE = graphql(`
  mutation PrepareDataset($name: String!) {
    prepareDataset(name: $name) {
      __typename
      ... on Dataset { state }
      ... on Error { message }
    }
  }
`)

export const CREATE = graphql(`
  mutation CreateDataset($input: CreateDatasetInput!) {
    createDataset(input: $input) {
      __typename
      ... on Dataset { reference }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

export const UPDATE = graphql(`
  mutation UpdateDataset($input: UpdateDatasetInput!) {
    updateDataset(input: $input) {
      __typename
      ... on Dataset { reference }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

export const ADD_PICTURES = graphql(`
  mutation AddPictures($input: AddPicturesInput!) {
    addPictures(input: $input) {
      __typename
      ... on DatasetUpload { count }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

export const CANCEL_IMPORT = graphql(`
  mutation CancelImport($name: String!) {
    cancelDatasetImport(name: $name) {
      __typename
      ... on Dataset { state }
      ... on Error { message }
    }
  }
`)

export const RETRY_IMPORT = graphql(`
  mutation RetryImport($name: String!) {
    retryDatasetImport(name: $name) {
      __typename
      ... on Dataset { state }
      ... on Error { message }
    }
  }
`)

export const DELETE = graphql(`
  mutation DeleteDataset($name: String!) {
    deleteDataset(name: $name) {
      __typename
      ... on Dataset { state }
      ... on Error { message }
    }
  }
`)
