import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun, START, startRun, TINY } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

const ERRORS = `
  ... on ValidationError { issues { path message } }
  ... on Error { message }`
const CREATE = `mutation Create($input: ArchitectureInput!) {
  createArchitecture(input: $input) {
    __typename
    ... on Architecture {
      id name title origin configuration features batchNorm inputShape classes
      weightLayers parameterCount multiplyAdds layers { name kind outputShape parameterCount }
    }
    ${ERRORS}
  }
}`
const DELETE = `mutation Delete($name: String!) {
  deleteArchitecture(name: $name) { __typename ... on Architecture { name parameterCount } ... on Error { message } }
}`
const PLAN_FIELDS = `
  __typename
  ... on ArchitecturePlan {
    architecture { name parameterCount layers { name } }
    engine trainingMemoryBytes fits secondsPerEpoch
    memory { process dataset weights gradients optimizer activations workspace saving }
  }
  ${ERRORS}`
const PLAN = `query Plan($input: ArchitectureInput!, $batchSize: Int! = 128, $optimizer: OptimizerInput) {
  planArchitecture(input: $input, batchSize: $batchSize, optimizer: $optimizer) { ${PLAN_FIELDS} }
}`
const PLAN_OF = `query Plan($name: String!, $batchSize: Int! = 128) {
  architecture(name: $name) { plan(batchSize: $batchSize) { ${PLAN_FIELDS} } }
}`
const NAMES =
  'query ($origin: ArchitectureOrigin) { architectures(origin: $origin, first: 100) { totalCount edges { node { name } } } }'

const SMALL = { name: 'small', features: '8,M,16x1:lrn,M', batchNorm: true, head: { flat: { hidden: [12] } } }

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

const create = async (input: object) => (await server.query(CREATE, { input })).createArchitecture
const remove = async (name: string) => (await server.query(DELETE, { name })).deleteArchitecture
const names = async (origin?: string): Promise<string[]> =>
  (await server.query(NAMES, { origin })).architectures.edges.map(
    ({ node }: { node: { name: string } }) => node.name,
  )

describe('createArchitecture', () => {
  test('answers the same analysis as of a built-in network', async () => {
    const made = await create({ ...SMALL, name: 'analysed', title: 'One to look at' })
    expect(made).toMatchObject({
      __typename: 'Architecture',
      name: 'analysed',
      title: 'One to look at',
      origin: 'CUSTOM',
      configuration: null,
      features: '8,M,16x1:lrn,M',
      batchNorm: true,
      inputShape: [32, 32, 3],
      classes: 10,
      weightLayers: 4,
      // 3x3x3x8 + 8, batch norm 2 x 8; 8x16 + 16, 2 x 16; 8x8x16 = 1024 to 12, 12 to 10.
      parameterCount: 224 + 16 + 144 + 32 + 1024 * 12 + 12 + 130,
    })
    expect(made.layers.map(({ kind }: { kind: string }) => kind)).toEqual([
      ...['CONV', 'BATCH_NORM', 'RELU', 'MAX_POOL'],
      ...['CONV', 'BATCH_NORM', 'RELU', 'LRN', 'MAX_POOL'],
      ...['FLATTEN', 'DENSE', 'RELU', 'DENSE', 'SOFTMAX'],
    ])
    const query = `query ($id: ID!) { node(id: $id) { ... on Architecture { name } } architecture(name: "analysed") { id } }`
    expect(await server.query(query, { id: made.id })).toEqual({
      node: { name: 'analysed' },
      architecture: { id: made.id },
    })
  })

  test("makes the paper's network of its list and head, to the parameter", async () => {
    const made = await create({
      name: 'vgg16_again',
      features: '64,64,M,128,128,M,256,256,256,M,512,512,512,M,512,512,512,M',
      inputSize: [224, 224],
      classes: 1000,
      head: { pooled: {} },
    })
    const { architecture } = await server.query(
      '{ architecture(name: "vgg16") { parameterCount multiplyAdds weightLayers } }',
    )
    expect(made).toMatchObject(architecture)
  })

  test('lists what it made after what is built in, in the order of making', async () => {
    const builtIn = (await names()).filter((name) => !['analysed', 'vgg16_again'].includes(name))
    await create({ ...SMALL, name: 'zz' })
    await create({ ...SMALL, name: 'aa' })
    expect((await names()).slice(0, builtIn.length)).toEqual(builtIn)
    expect((await names()).slice(-2)).toEqual(['zz', 'aa'])
    expect(await names('CUSTOM')).toEqual((await names()).slice(builtIn.length))
  })

  test('names every value that cannot work', async () => {
    const input = { name: '7up', features: '64,x,M,0', inputSize: [0, 32], head: { pooled: { dropout: 2 } } }
    expect(await create(input)).toMatchObject({
      __typename: 'ValidationError',
      issues: [
        { path: ['name'] },
        { path: ['features'], message: expect.stringContaining('entry 2 ("x")') },
        { path: ['features'], message: expect.stringContaining('entry 4 ("0")') },
        { path: ['inputSize'] },
        { path: ['head', 'pooled', 'dropout'] },
      ],
    })
  })

  test('refuses a name that is taken', async () => {
    expect(await create({ ...SMALL, name: 'vgg_mini' })).toMatchObject({ __typename: 'ConflictError' })
  })

  test('holds to MAX_PARAMETERS', async () => {
    const features = '2048,2048,2048,2048,2048,2048,2048,2048,2048,2048,2048,2048,2048,2048,2048'
    expect(await create({ name: 'giant', features })).toMatchObject({
      issues: [{ path: ['features'], message: expect.stringMatching(/at most 500,000,000 are allowed/) }],
    })
  })
})

describe('deleteArchitecture', () => {
  test('takes a network that nothing uses out of the zoo', async () => {
    await create({ ...SMALL, name: 'passing' })
    expect(await remove('passing')).toMatchObject({ __typename: 'Architecture', name: 'passing' })
    expect(await server.query('{ architecture(name: "passing") { id } }')).toEqual({ architecture: null })
    expect(await remove('passing')).toMatchObject({ __typename: 'NotFoundError' })
  })

  test('keeps what is built in', async () => {
    expect(await remove('vgg16')).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/built in/),
    })
  })
})

describe('a network that was created', () => {
  let runId: string
  beforeAll(async () => {
    await create(SMALL)
    runId = await completeRun(server, { architecture: 'small' })
  })

  test('trains, and predicts with what it learned', async () => {
    const { trainingRun } = await server.query(
      `query ($id: ID!) { trainingRun(id: $id) {
        status architecture { name origin runs { totalCount } }
        modelVersions { architecture { name } model { name } }
      } }`,
      { id: runId },
    )
    expect(trainingRun).toEqual({
      status: 'COMPLETED',
      architecture: { name: 'small', origin: 'CUSTOM', runs: { totalCount: 1 } },
      modelVersions: [{ architecture: { name: 'small' }, model: { name: 'small' } }],
    })
    const { predict } = await server.query(
      `query ($id: ID!) { predict(input: { image: { sample: { dataset: "tiny", index: 3 } }, model: { runId: $id } }) {
        __typename ... on Prediction { probabilities { label } modelVersion { architecture { name } } }
      } }`,
      { id: runId },
    )
    expect(predict.probabilities).toHaveLength(3)
    expect(predict.modelVersion.architecture.name).toBe('small')
  })

  test('stays while its run and its model version do, and says how many they are', async () => {
    expect(await remove('small')).toMatchObject({
      __typename: 'ConflictError',
      message: expect.stringMatching(/1 training run and 1 model version/),
    })
  })

  test('is not trained where its list has too many pools for the pictures', async () => {
    await create({ name: 'tall', features: '8,M,M,M,M,M,M', inputSize: [64, 64] })
    const { startTrainingRun } = await server.query(START, {
      input: { ...TINY, dataset: 'tiny', architecture: 'tall' },
    })
    expect(startTrainingRun).toMatchObject({
      __typename: 'ValidationError',
      issues: [{ path: ['architecture'], message: expect.stringMatching(/entry 6 \(M\): too many pools/) }],
    })
    expect((await server.query(PLAN_OF, { name: 'tall' })).architecture.plan).toMatchObject({
      issues: [
        { path: ['features'], message: expect.stringMatching(/too many pools for an input of 32x32/) },
      ],
    })
  })

  test('is not trained where fitted to the pictures it has more parameters than MAX_PARAMETERS', async () => {
    await create({
      name: 'tiny_input',
      features: '24',
      inputSize: [4, 4],
      head: { flat: { hidden: [65_535] } },
    })
    await expect(startRun(server, { architecture: 'tiny_input' })).rejects.toThrow(/MAX_PARAMETERS/)
  })
})

describe('planArchitecture', () => {
  const plan = async (variables: object) => (await server.query(PLAN, variables as never)).planArchitecture

  test('stores nothing, and says of a network what its plan says once it is created', async () => {
    const input = { ...SMALL, name: 'planned' }
    const planned = await plan({ input })
    expect(await names()).not.toContain('planned')
    await create(input)
    const { architecture } = await server.query(PLAN_OF, { name: 'planned' })
    const { fits, ...same } = planned
    expect(architecture.plan).toMatchObject({ fits, ...same })
  })

  test('shows what is large', async () => {
    const small = await plan({ input: SMALL, batchSize: 16 })
    const large = await plan({ input: SMALL, batchSize: 1024, optimizer: { adam: {} } })
    const parts = Object.values<number>(large.memory)
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(large.trainingMemoryBytes)
    expect(large.memory.activations / small.memory.activations).toBeCloseTo(64, 9)
    expect(large.memory.optimizer).toBe(2 * small.memory.optimizer)
    expect(large.memory.weights).toBe(4 * large.architecture.parameterCount)
  })

  test('says what does not fit', async () => {
    const input = { name: 'hungry', features: '4096,4096,4096', head: { flat: {} } }
    expect(await plan({ input, batchSize: 4096 })).toMatchObject({
      __typename: 'ArchitecturePlan',
      fits: false,
    })
  })

  test('refuses what createArchitecture refuses, and a step that cannot be', async () => {
    expect(await plan({ input: { ...SMALL, features: 'M' } })).toMatchObject({
      issues: [{ path: ['features'] }],
    })
    const optimizer = { adam: { beta1: 1 } }
    expect(await plan({ input: SMALL, batchSize: 5000, optimizer })).toMatchObject({
      issues: [{ path: ['batchSize'] }, { path: ['optimizer', 'adam', 'beta1'] }],
    })
  })
})

test('a network that is deleted at the moment when it is started leaves no run without its network', async () => {
  for (let round = 0; round < 3; round++) {
    const name = `race${round}`
    await create({ ...SMALL, name })
    const [run, gone] = await Promise.all([
      server.query(START, { input: { ...TINY, dataset: 'tiny', architecture: name } }),
      remove(name),
    ])
    const started = run.startTrainingRun.__typename === 'TrainingRun'
    expect(gone.__typename).toBe(started ? 'ConflictError' : 'Architecture')
    const { trainingRuns } = await server.query(
      'query ($name: String) { trainingRuns(architecture: $name) { edges { node { id architecture { name } } } } }',
      { name },
    )
    expect(trainingRuns.edges).toHaveLength(started ? 1 : 0)
    if (!started) continue
    const { id } = trainingRuns.edges[0].node
    await server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', { id })
  }
})
