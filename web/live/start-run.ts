import { graphql } from '../../src/client/graphql.ts'

export const START_RUN = graphql(`
  mutation StartRun($input: StartTrainingRunInput!) {
    startTrainingRun(input: $input) {
      __typename
      ... on TrainingRun { id number }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)
