import { graphql, type ResultOf } from '../../src/client/graphql.ts'

export const MODELS = graphql(`
  query Models($after: String) {
    models(first: 50, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges {
        node {
          name
          aliases { name movedAt version { version accuracy architecture { name } } }
          versions(first: 1) { totalCount edges { node { version accuracy createdAt architecture { name } } } }
        }
      }
    }
  }
`)

export const VERSIONS = graphql(`
  query Versions($name: String!, $after: String) {
    model(name: $name) {
      name
      createdAt
      versions(first: 50, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges {
          node {
            id
            version
            accuracy
            createdAt
            origin
            source
            bytes
            architecture { name }
            aliases { name }
            run { number name }
          }
        }
      }
    }
  }
`)

/** To find the id of a version by its number: the newest first. */
export const VERSION_IDS = graphql(`
  query VersionIds($name: String!, $after: String) {
    model(name: $name) {
      versions(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        edges { node { id version } }
      }
    }
  }
`)

export const VERSION = graphql(`
  query Version($id: ID!) {
    node(id: $id) {
      __typename
      ... on ModelVersion {
        id
        version
        accuracy
        bytes
        digest
        createdAt
        origin
        source
        evaluatedAt
        model { name }
        architecture { name title }
        dataset { name }
        run {
          number
          name
          parentStep
          parent { number name parentStep parent { number name } }
        }
        checkpoint { step epoch attempt }
        downloads { safetensors { url } layersModel { url } }
        preprocessing { size resize shorterSide mean std labels }
        evaluation {
          dataset { classes name }
          loss
          accuracy
          top5Accuracy
          count
          unanswered
          confusionMatrix
          perClass { label precision recall f1 count predicted }
        }
      }
    }
  }
`)

export type Version = Extract<NonNullable<ResultOf<typeof VERSION>['node']>, { __typename: 'ModelVersion' }>

export const FILTERS = graphql(`
  query Filters($id: ID!) {
    node(id: $id) { ... on ModelVersion { filters } }
  }
`)

export const MODELS_CHANGED = graphql(`
  subscription ModelsChanged { aliasMoved { id } }
`)
