/** Documents that tests of models and their aliases send. */

export const REGISTER = `mutation Register($input: RegisterModelInput!) {
  registerModel(input: $input) {
    __typename
    ... on ModelVersion { id version digest accuracy origin model { name } run { id } checkpoint { id step } }
    ... on Error { message }
  }
}`
export const SET_ALIAS = `mutation Set($input: SetModelAliasInput!) {
  setModelAlias(input: $input) {
    __typename
    ... on ModelAlias { id name protected movedAt version { id } model { name } }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`
export const PREDICT = `query Predict($input: PredictInput!) {
  predict(input: $input) {
    __typename
    ... on Prediction { probabilities { label probability } modelVersion { id } }
    ... on Error { message }
  }
}`
