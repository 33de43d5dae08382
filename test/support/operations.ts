import type { Role } from '../../src/access/viewer.ts'

/** A field of Query, Mutation or Subscription, asked for in a way that is valid and changes nothing, whoever asks. */
export interface Operation {
  kind: 'query' | 'mutation' | 'subscription'
  name: string
  /** The least role that may. */
  role: Role
  document: string
  /** Its variable $file is one: it can be sent over HTTP alone. */
  hasFile: boolean
}

const id = (type: string, of = 'none') => JSON.stringify(Buffer.from(`${type}:${of}`).toString('base64'))
const RUN = id('TrainingRun')
const VERSION = id('ModelVersion')
const MODEL = 'model: { alias: { model: "none", name: "none" } }'
const PICTURE = '{ base64: "R0lGODlhAQABAAAAACwAAAAAAQABAAA=" }'
const IMAGE = `{ ${MODEL}, image: ${PICTURE} }`
const MANY = `{ ${MODEL}, images: [${PICTURE}] }`
const NAME = '(name: "none")'
const T = '{ __typename }'

/** What each may be asked by: a field that has no line here fails the tests of roles. */
const RULES: Readonly<Record<Operation['kind'], Readonly<Record<string, readonly [Role, string]>>>> = {
  query: {
    architecture: ['VIEWER', `${NAME} ${T}`],
    architectures: ['VIEWER', '{ totalCount }'],
    auditLog: ['ADMIN', '{ totalCount }'],
    compareTrainingRuns: ['VIEWER', `(ids: [${RUN}, ${id('TrainingRun', 'other')}]) ${T}`],
    dataset: ['VIEWER', `${NAME} ${T}`],
    datasets: ['VIEWER', T],
    model: ['VIEWER', `${NAME} ${T}`],
    models: ['VIEWER', '{ totalCount }'],
    node: ['VIEWER', `(id: ${RUN}) ${T}`],
    nodes: ['VIEWER', `(ids: [${RUN}]) ${T}`],
    planArchitecture: ['VIEWER', `(input: { name: "x", features: "oops" }) ${T}`],
    predict: ['VIEWER', `(input: ${IMAGE}) ${T}`],
    predictMany: ['VIEWER', `(input: ${MANY}) ${T}`],
    predictions: ['VIEWER', '{ totalCount }'],
    runLog: ['VIEWER', `(id: ${RUN}) ${T}`],
    servingStats: ['VIEWER', T],
    system: ['VIEWER', T],
    tokens: ['ADMIN', '{ totalCount }'],
    trainingRun: ['VIEWER', `(id: ${RUN}) ${T}`],
    trainingRuns: ['VIEWER', '{ totalCount }'],
    viewer: ['VIEWER', '{ role }'],
    webhook: ['ADMIN', `(id: ${id('Webhook')}) ${T}`],
    webhooks: ['ADMIN', '{ totalCount }'],
  },
  mutation: {
    addPictures: ['OPERATOR', `(input: { upload: "", pictures: [{ file: $file, label: "x" }] }) ${T}`],
    cancelDatasetImport: ['OPERATOR', `${NAME} ${T}`],
    cancelTrainingRun: ['OPERATOR', `(id: ${RUN}) ${T}`],
    createArchitecture: ['OPERATOR', `(input: { name: "x", features: "oops" }) ${T}`],
    createDataset: ['OPERATOR', `(input: { name: " ", from: { dataset: "none" } }) ${T}`],
    createToken: ['ADMIN', `(input: { name: " ", role: VIEWER }) ${T}`],
    createWebhook: ['ADMIN', `(input: { url: "oops", events: [] }) ${T}`],
    deleteArchitecture: ['ADMIN', `${NAME} ${T}`],
    deleteDataset: ['ADMIN', `${NAME} ${T}`],
    deleteModelAlias: ['ADMIN', `(input: { model: "none", name: "none" }) ${T}`],
    deleteModelVersion: ['ADMIN', `(id: ${VERSION}) ${T}`],
    deleteTrainingRun: ['ADMIN', `(id: ${RUN}) ${T}`],
    deleteWebhook: ['ADMIN', `(id: ${id('Webhook')}) ${T}`],
    evaluateModel: ['OPERATOR', `(id: ${VERSION}) ${T}`],
    importModel: [
      'OPERATOR',
      `(input: { name: "x", architecture: "none", weights: { safetensors: $file } }) ${T}`,
    ],
    moveTrainingRun: ['OPERATOR', `(id: ${RUN}, position: 1) ${T}`],
    pauseTrainingRun: ['OPERATOR', `(id: ${RUN}) ${T}`],
    predict: ['OPERATOR', `(input: ${IMAGE}) ${T}`],
    predictMany: ['OPERATOR', `(input: ${MANY}) ${T}`],
    prepareDataset: ['OPERATOR', `${NAME} ${T}`],
    redeliverWebhook: ['ADMIN', `(id: ${id('WebhookDelivery')}) ${T}`],
    registerModel: ['OPERATOR', `(input: { name: "x", weights: { runId: ${RUN} } }) ${T}`],
    renameTrainingRun: ['OPERATOR', `(id: ${RUN}, name: "x") ${T}`],
    resumeTrainingRun: ['OPERATOR', `(id: ${RUN}) ${T}`],
    retryDatasetImport: ['OPERATOR', `${NAME} ${T}`],
    revokeToken: ['ADMIN', `(id: ${id('AccessToken')}) ${T}`],
    setModelAlias: ['OPERATOR', `(input: { versionId: ${VERSION}, name: "x" }) ${T}`],
    startTrainingRun: ['OPERATOR', `(input: { architecture: "none" }) ${T}`],
    testWebhook: ['ADMIN', `(id: ${id('Webhook')}) ${T}`],
    updateDataset: ['OPERATOR', `(input: { name: "none" }) ${T}`],
    updateTrainingRun: ['OPERATOR', `(id: ${RUN}, input: { epochs: 2 }) ${T}`],
    verifyReproduction: ['OPERATOR', `(id: ${RUN}, steps: 1) ${T}`],
    warmModelVersion: ['OPERATOR', `(id: ${VERSION}) ${T}`],
  },
  subscription: {
    aliasMoved: ['VIEWER', T],
    datasetChanged: ['VIEWER', `${NAME} ${T}`],
    datasetsChanged: ['VIEWER', T],
    modelsChanged: ['VIEWER', T],
    predictionMade: ['VIEWER', T],
    predictionsOf: ['VIEWER', `(batch: ${id('PredictionBatch')}) ${T}`],
    runLogLines: ['VIEWER', `(id: ${RUN}) ${T}`],
    servingStats: ['VIEWER', T],
    systemStats: ['VIEWER', T],
    trainingLoss: ['VIEWER', `(id: ${RUN}) ${T}`],
    trainingLossBuckets: ['VIEWER', `(id: ${RUN}) ${T}`],
    trainingRunEvents: ['VIEWER', `(id: ${RUN}) ${T}`],
    trainingRunsChanged: ['VIEWER', T],
  },
}

export const OPERATIONS: readonly Operation[] = Object.entries(RULES).flatMap(([kind, rules]) =>
  Object.entries(rules).map(([name, [role, rest]]) => {
    const hasFile = rest.includes('$file')
    const document = `${kind}${hasFile ? ' ($file: File!)' : ''} { ${name}${rest.startsWith('(') ? '' : ' '}${rest} }`
    return { kind: kind as Operation['kind'], name, role, document, hasFile }
  }),
)
