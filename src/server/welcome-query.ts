/** What a person finds in the playground at the first visit: each operation can be run as it stands. */
export const WELCOME_QUERY = `# vggzoo: VGG networks, trained on CIFAR-10 while you watch. Press Ctrl-Space for what is possible.

query Zoo {
  system { version engine { kind device } queue { running queued } }
  architectures { nodes: edges { node { name title parameterCount weightLayers } } }
}

# Starts a short training run. Copy the id that it answers into the subscription below.
mutation Train {
  startTrainingRun(input: { architecture: "vgg_mini", epochs: 1, trainLimit: 5000, testLimit: 1000 }) {
    ... on TrainingRun { id number status }
    ... on ValidationError { issues { path message } }
  }
}

subscription Watch($id: ID!) {
  trainingLoss(id: $id) { step epoch loss learningRate imagesPerSecond }
}

mutation Classify {
  predict(input: { image: { sample: { index: 7 } } }) {
    ... on Prediction { label confidence probabilities(top: 3) { label probability } }
    ... on Error { message }
  }
}
`
