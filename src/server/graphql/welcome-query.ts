/** What a person finds in the playground at the first visit. Its lines fit the editor of a 1280 pixel window. */
export const WELCOME_QUERY = `# vggzoo: VGG networks, trained while you watch.
#
# The pink button runs the operation you choose,
# Ctrl-Enter the one at the cursor, and Ctrl-Space
# shows all that could stand there.

query Zoo {
  system { version engine { kind device } }
  architectures {
    edges { node { name title parameterCount } }
  }
}

# Starts a short run. Copy the id that it answers
# into Variables below: { "id": "..." }
mutation Train {
  startTrainingRun(input: {
    architecture: "vgg_mini", epochs: 1,
    trainLimit: 5000, testLimit: 1000
  }) {
    ... on TrainingRun { id number status }
    ... on Error { message }
  }
}

subscription Watch($id: ID!) {
  trainingLoss(id: $id) {
    step epoch loss imagesPerSecond
  }
}

# Test picture 7, by the newest trained weights.
mutation Classify {
  predict(input: { image: { sample: { index: 7 } } }) {
    ... on Prediction {
      label
      probabilities(top: 3) { label probability }
    }
    ... on Error { message }
  }
}
`
