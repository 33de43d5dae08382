import { afterAll, beforeAll, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CREATE = `mutation ($input: ArchitectureInput!) { createArchitecture(input: $input) { __typename } }`
const SMALL = { name: 'small', features: '8,M,16x1:lrn,M', batchNorm: true, head: { flat: { hidden: [12] } } }

let server: TestServer
let runId: string
const create = async (input: object) => (await server.query(CREATE, { input })).createArchitecture
const names = async (): Promise<string[]> =>
  (await server.query('{ architectures(first: 100) { edges { node { name } } } }')).architectures.edges.map(
    ({ node }: { node: { name: string } }) => node.name,
  )
beforeAll(async () => {
  server = await startServer()
  await create(SMALL)
  runId = await completeRun(server, { architecture: 'small' })
})
afterAll(stopServers)

test('a network that was created is still there, and so is what it learned, after the server was killed', async () => {
  await server.stop('SIGKILL')
  server = await startServer({ dataDir: server.dataDir })
  expect((await names()).slice(-1)).toEqual(['small'])
  const { predict } = await server.query(
    'query ($id: ID!) { predict(input: { image: { sample: { dataset: "tiny", index: 3 } }, model: { runId: $id } }) { __typename } }',
    { id: runId },
  )
  expect(predict.__typename).toBe('Prediction')
  expect(await create(SMALL)).toMatchObject({ __typename: 'ConflictError' })
})
