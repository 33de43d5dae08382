import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { graphql } from '../../../src/client/graphql.ts'
import { createClient, type RunEvent } from '../../../src/client/node.ts'
import { startRun } from '../../support/runs.ts'
import { startServer, stopServers } from '../../support/server.ts'

afterAll(stopServers)

const LOSSES = graphql(`
  query LossesAfterRestarts($id: ID!) {
    trainingRun(id: $id) {
      status
      raw: losses(view: RAW) { step loss attempt }
      effective: losses { step loss attempt }
    }
  }
`)
const BUCKETS = graphql(`
  subscription BucketsOverRestarts($id: ID!) {
    trainingLossBuckets(id: $id) { reset buckets { firstStep last { step loss attempt } } }
  }
`)

const byPlace = (points: { step: number; attempt: number }[]) =>
  [...points].sort((a, b) => a.attempt - b.attempt || a.step - b.step)

test('a run is followed to its end, each point once, over a server that is killed and one that stops', async () => {
  const env = { PORT: String(await freePort()) }
  let server = await startServer({ dataset: 'tiny', env })
  const { dataDir, url } = server
  const client = createClient({ url })
  onTestFinished(() => client.dispose())
  const input = { dataset: 'tiny', learningRate: 0.02, epochs: 6, trainLimit: 240, testLimit: 60 }
  const id = await startRun(server, input)

  const chart = new Map<number, object>()
  const charted = (async () => {
    for await (const { trainingLossBuckets } of client.subscribe(BUCKETS, { id }, { run: id })) {
      if (trainingLossBuckets.reset) chart.clear()
      for (const { firstStep, last } of trainingLossBuckets.buckets) chart.set(firstStep, last)
    }
  })()
  const events: RunEvent[] = []
  for await (const event of client.follow(id)) {
    events.push(event)
    const epochs = events.filter(({ __typename }) => __typename === 'EpochEnded').length
    if (event.__typename !== 'EpochEnded' || (epochs !== 1 && epochs !== 3)) continue
    await server.stop(epochs === 1 ? 'SIGKILL' : 'SIGTERM')
    server = await startServer({ dataset: 'tiny', dataDir, env })
  }
  await charted

  const { trainingRun } = await client.query(LOSSES, { id })
  expect(trainingRun?.status).toBe('COMPLETED')
  const points = events.flatMap((event) => (event.__typename === 'LossPoints' ? event.points : []))
  const told = points.map(({ step, loss, attempt }) => ({ step, loss, attempt }))
  expect(byPlace(told)).toEqual(byPlace(trainingRun!.raw))
  expect(new Set(told.map(({ attempt }) => attempt)).size).toBeGreaterThan(1)
  const effective = new Map(told.map((point) => [point.step, point]))
  expect([...effective.values()].sort((a, b) => a.step - b.step)).toEqual(trainingRun!.effective)
  expect([...chart.values()]).toEqual(trainingRun!.effective)
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
