import { afterAll, expect, test } from 'vitest'
import { startServer, stopServers } from '../../support/server.ts'

afterAll(stopServers)

test('a server says why a data set cannot be had, without its insides', async () => {
  const broken = await startServer({ dataset: false, env: { CIFAR10_DIR: import.meta.dirname } })
  const { errors } = await broken.execute('{ datasets { samples { label } } }')
  expect(JSON.stringify(errors)).not.toMatch(/node_modules|at .*\.js/)
  expect(errors?.[0].extensions?.code).toBe('DATASET_UNAVAILABLE')
  expect(errors?.[0].message).toMatch(/data_batch_1\.bin/)
})
