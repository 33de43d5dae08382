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

export const VERSION = graphql(`
  query Version($name: String!, $number: Int!) {
    model(name: $name) {
      version(number: $number) {
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
        dataset { reference }
        run {
          number
          name
          parentStep
          parent { number name parentStep parent { number name } }
        }
        checkpoint { step epoch attempt }
        downloads { safetensors { url } layersModel { url } }
        preprocessing { size resize shorterSide background mean std labels }
        evaluation {
          dataset { classes reference }
          loss
          accuracy
          top5Accuracy
          balancedAccuracy
          count
          unanswered
          confusions(first: 1000) { label predicted count }
          perClass { label precision recall f1 count predicted }
        }
      }
    }
  }
`)

export type Version = NonNullable<NonNullable<ResultOf<typeof VERSION>['model']>['version']>

export const FILTERS = graphql(`
  query Filters($id: ID!) {
    node(id: $id) { ... on ModelVersion { filters } }
  }
`)

export const MODELS_CHANGED = graphql(`
  subscription ModelsChanged { modelsChanged { id } }
`)
