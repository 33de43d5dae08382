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
const SECONDS = 3
const ROUNDS = 9
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

type Servers = Record<'bare' | 'guarded' | 'traced', Serving>

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
  takes: '6 minutes',
  needs: 'the native engine',
  run: () =>
    withCollector((url) =>
      withServing(
        NETWORKS,
        (bare) =>
          withServing(
            NETWORKS,
            (guarded) => withServing(NETWORKS, (traced) => compare({ bare, guarded, traced }), tracedTo(url)),
            GUARDED,
          ),
        BARE,
      ),
    ),
})

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

async function compare(servers: Servers): Promise<void> {
  const names = Object.keys(servers) as (keyof Servers)[]
  for (const load of LOADS) {
    const rounds: Record<keyof Servers, number>[] = []
    // The machine's speed drifts: they take turns, and each begins as many of them.
    for (let round = 0; round < ROUNDS; round++) {
      const spent = { bare: 0, guarded: 0, traced: 0 }
      for (let turn = 0; turn < names.length; turn++) {
        const name = names[(round + turn) % names.length]!
        spent[name] = await millisecondsOf(servers[name], load)
      }
      rounds.push(spent)
    }
    const figure = (of: (round: Record<keyof Servers, number>) => number) => median(rounds.map(of))
    heading(load.what)
    note(
      'AUTH=none, METRICS=false',
      figure(({ bare }) => bare),
      'ms',
    )
    note(
      'AUTH=tokens, METRICS=true, LIMITS',
      figure(({ guarded }) => guarded),
      'ms',
    )
    judge(
      'the second over the first',
      figure(({ bare, guarded }) => guarded / bare),
      LIMIT,
      '',
    )
    note(
      'and OTEL_EXPORTER_OTLP_ENDPOINT',
      figure(({ traced }) => traced),
      'ms',
    )
    note(
      'the third over the second',
      figure(({ guarded, traced }) => traced / guarded),
      '',
    )
  }
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
