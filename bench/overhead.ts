/**
 * What it costs to know who asks, to hold each to a share, and to keep metrics: processor time of the server for an answer,
 * beside the same server without all of it. Ends with 1 where a figure is above its limit. What traces cost beside that is
 * told, too: whoever has them sent wants them.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineBench } from './lib/bench.ts'
import { heading, judge, note } from './lib/budget.ts'
import { smallPictures } from './lib/sent-pictures.ts'
import { byId, measureClients, predictRequest, request } from './lib/serving-clients.ts'
import { type Serving, withServing } from './lib/serving-server.ts'
import { median } from './lib/statistics.ts'

const NETWORKS = [{ network: 'vgg_mini' }]
const CLIENTS = 16
const SECONDS = 2
const ROUNDS = 3
/** Servers of a kind: what one of them happens to cost differs by more than what is measured. */
const SERVERS = 7
/** Of the guarded server over the bare one. */
const LIMIT = 1.1

/** Nobody is known, counted or measured. */
const BARE = { env: { METRICS: 'false' } }
/** Everybody is; the shares are such that nobody is refused. */
const GUARDED = {
  guarded: true,
  env: { METRICS: 'true', LIMITS: 'operations=1000000000/1m,predictions=100000000/1m' },
}

/** The same, with a span for each operation and each picture. */
const tracedTo = (OTEL_EXPORTER_OTLP_ENDPOINT: string) => ({
  ...GUARDED,
  env: { ...GUARDED.env, OTEL_EXPORTER_OTLP_ENDPOINT },
})

type Kind = 'bare' | 'guarded' | 'traced'
/** Milliseconds of an answer. */
type Costs = Record<Kind, number>

interface Load {
  what: string
  wanted: string
  requestsTo(server: Serving): Promise<Buffer[]>
}

const LOADS: readonly Load[] = [
  {
    what: '{ __typename }',
    wanted: '"__typename":"Query"',
    requestsTo: async ({ url, token }) => [request(url, { query: '{ __typename }' }, token)],
  },
  {
    what: 'predict, 32x32 PNG in base64',
    wanted: '"__typename":"Prediction"',
    requestsTo: async ({ url, token, versions }) =>
      (await smallPictures(CLIENTS)).map((picture) =>
        predictRequest(url, byId(versions[0]!), picture, token),
      ),
  },
]

export const bench = defineBench({
  measures: 'what tokens, roles, limits, metrics and traces cost an answer, in processor time of the server',
  takes: '8 minutes',
  needs: 'the native engine',
  run: () =>
    withCollector(async (url) => {
      const costs: Costs[][] = LOADS.map(() => [])
      for (let i = 0; i < SERVERS; i++) {
        await withServers(url, async (servers) => {
          for (const [index, load] of LOADS.entries()) costs[index]!.push(await costsOf(servers, load))
        })
      }
      for (const [index, load] of LOADS.entries()) tell(load, costs[index]!)
    }),
})

/** One of each kind. */
async function withServers(
  collector: string,
  work: (servers: Record<Kind, Serving>) => Promise<void>,
): Promise<void> {
  await withServing(
    NETWORKS,
    (bare) =>
      withServing(
        NETWORKS,
        (guarded) => withServing(NETWORKS, (traced) => work({ bare, guarded, traced }), tracedTo(collector)),
        GUARDED,
      ),
    BARE,
  )
}

/** Takes spans and throws them away. */
async function withCollector(work: (url: string) => Promise<void>): Promise<void> {
  const collector = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200).end())
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  try {
    await work(`http://127.0.0.1:${(collector.address() as AddressInfo).port}`)
  } finally {
    collector.closeAllConnections()
    collector.close()
  }
}

/** The machine's speed drifts: they take turns, and each begins as many of them. */
async function costsOf(servers: Record<Kind, Serving>, load: Load): Promise<Costs> {
  const names = Object.keys(servers) as Kind[]
  const spent: Record<Kind, number[]> = { bare: [], guarded: [], traced: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      spent[name].push(await millisecondsOf(servers[name], load))
    }
  }
  return { bare: median(spent.bare), guarded: median(spent.guarded), traced: median(spent.traced) }
}

function tell({ what }: Load, costs: readonly Costs[]): void {
  const figure = (of: (costs: Costs) => number) => median(costs.map(of))
  const [bare, guarded, traced] = [
    figure((it) => it.bare),
    figure((it) => it.guarded),
    figure((it) => it.traced),
  ]
  heading(what)
  note('AUTH=none, METRICS=false', bare, 'ms')
  note('AUTH=tokens, METRICS=true, LIMITS', guarded, 'ms')
  judge('the second over the first', guarded / bare, LIMIT, '')
  note('and OTEL_EXPORTER_OTLP_ENDPOINT', traced, 'ms')
  note('the third over the second', traced / guarded, '')
  const each = costs.map((it) => (it.guarded / it.bare).toFixed(2)).sort()
  console.log(`  of each pair of servers, the second over the first: ${each.join(' ')}`)
}

/** Of the server's process, for an answer. */
async function millisecondsOf(server: Serving, { requestsTo, wanted }: Load): Promise<number> {
  const requests = await requestsTo(server)
  const { result, server: seconds } = await server.spent(({ begin, end }) =>
    measureClients(
      server.url,
      requests,
      { clients: CLIENTS, seconds: SECONDS, onBegin: begin, onEnd: end },
      wanted,
    ),
  )
  return (1000 * seconds) / result.answers
}
