/**
 * What it costs to know who asks, to hold each to a share, and to keep metrics: processor time of the server for an answer,
 * beside the same server without all of it. Ends with 1 where a figure is above its limit.
 */
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
  measures: 'what tokens, roles, limits and metrics cost an answer, in processor time of the server',
  takes: '4 minutes',
  needs: 'the native engine',
  run: () =>
    withServing(
      NETWORKS,
      (bare) => withServing(NETWORKS, (guarded) => compare(bare, guarded), GUARDED),
      BARE,
    ),
})

async function compare(bare: Serving, guarded: Serving): Promise<void> {
  for (const load of LOADS) {
    const rounds: { bare: number; guarded: number }[] = []
    // The machine's speed drifts: they take turns, and each begins half of them.
    for (let round = 0; round < ROUNDS; round++) {
      const inTurn = round % 2 === 0 ? [bare, guarded] : [guarded, bare]
      const spent = new Map<Serving, number>()
      for (const server of inTurn) spent.set(server, await millisecondsOf(server, load))
      rounds.push({ bare: spent.get(bare)!, guarded: spent.get(guarded)! })
    }
    heading(load.what)
    note('AUTH=none, METRICS=false', median(rounds.map((it) => it.bare)), 'ms')
    note('AUTH=tokens, METRICS=true, LIMITS', median(rounds.map((it) => it.guarded)), 'ms')
    judge('the second over the first', median(rounds.map((it) => it.guarded / it.bare)), LIMIT, '')
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
