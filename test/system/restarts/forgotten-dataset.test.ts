import { afterAll, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers } from '../../support/server.ts'

afterAll(stopServers)

test('a server that does not have its module any more says so of its run, and shows the rest', async () => {
  const before = await startServer({ dataset: 'tiny' })
  const id = await completeRun(before, { epochs: 3 })
  await before.stop()
  const server = await startServer({ dataDir: before.dataDir, dataset: false })
  const { data, errors } = await server.execute(
    'query ($id: ID!) { trainingRun(id: $id) { status dataset { name } } trainingRuns { totalCount } }',
    { id },
  )
  expect(errors).toMatchObject([{ extensions: { code: 'DATASET_UNAVAILABLE' } }])
  expect(errors![0].message).toMatch(/tiny is not known to this server any more.*DATASET_SOURCES/)
  expect(data).toMatchObject({ trainingRun: null, trainingRuns: { totalCount: 1 } })
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { status epochs { epoch } } }',
    { id },
  )
  expect(trainingRun).toMatchObject({ status: 'COMPLETED', epochs: [{}, {}, {}] })
})
