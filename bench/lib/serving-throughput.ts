/** Many clients of one model, beside what its engine makes alone; and what a prediction costs. */
import { heading, judge, note } from './budget.ts'
import { measured, measureEngine } from './engine.ts'
import { decodingMs, photograph, smallPictures } from './sent-pictures.ts'
import { byId, type ClientsResult, measureClients, predictRequest } from './serving-clients.ts'
import { type Serving, withServing } from './serving-server.ts'
import { median } from './statistics.ts'

const CLIENTS = 64
const SECONDS = 4
const ENGINE_SECONDS = 2
/** Before the rounds: V8 compiles all that answers well only when it has run ten thousand times and more. */
const WARM_SECONDS = 10
const QUICK = 'vgg_mini'
const ROUNDS = 5
/** Pictures of a forward pass of the engine alone. */
const BATCH = 32
/** The part of the engine's own rate, and the rate that is enough. */
const LIMITS: Readonly<Record<string, { part: number; enough: number }>> = {
  lecture_vgg16: { part: 0.85, enough: Number.POSITIVE_INFINITY },
  vgg_mini: { part: 0.6, enough: 900 },
}
const NETWORKS = Object.keys(LIMITS)
/** p99 over p50. */
const TAIL = 2.5
const SERVER_MS = { png: 0.8, jpeg: 1.5 }
/** Of the predictor, beside its engine and the decoder. */
const PREDICTOR_MS = 0.3

/** What the rounds of one kind of picture came to, each with the engine alone right after it. */
interface Round extends ClientsResult {
  serverMs: number
  predictorMs: number
  engineMs: number
  decoderMs: number
  enginePerSecond: number
}

export function measureThroughput(): Promise<void> {
  return withNetworks(async (server) => {
    for (const network of NETWORKS) {
      const rounds = await measureRounds(server, network, await smallPictures(CLIENTS))
      const of = (pick: (round: Round) => number) => median(rounds.map(pick))
      const { part, enough } = LIMITS[network]!
      heading(`${network}: ${CLIENTS} clients, 32x32 PNG in base64`)
      note(
        `the engine alone, batches of ${BATCH}`,
        of((it) => it.enginePerSecond),
        '/s',
      )
      note(
        'predictions',
        of((it) => it.perSecond),
        '/s',
      )
      note(
        'of the engine alone',
        of((it) => it.perSecond / it.enginePerSecond),
        '',
      )
      // Round by round: the machine's speed drifts between them.
      judge(
        'what is wanted, over the predictions',
        of((it) => Math.min(enough, part * it.enginePerSecond) / it.perSecond),
        1,
        '',
      )
      note(
        'server',
        of((it) => it.serverMs),
        'ms',
      )
      notePredictor(rounds)
      note(
        'p50',
        of((it) => it.p50),
        'ms',
      )
      judge(
        'p99 over p50',
        of((it) => it.p99 / it.p50),
        TAIL,
        '',
      )
    }
  })
}

export function measureCost(): Promise<void> {
  return withNetworks(async (server) => {
    for (const [kind, pictures] of Object.entries({
      png: await smallPictures(CLIENTS),
      jpeg: [await photograph(680, 510)],
    })) {
      const rounds = await measureRounds(server, 'vgg_mini', pictures)
      const of = (pick: (round: Round) => number) => median(rounds.map(pick))
      heading(
        `vgg_mini: processor time of a ${kind} of ${Math.round(pictures[0]!.length / 1000)} kB in base64`,
      )
      judge(
        'server',
        of((it) => it.serverMs),
        SERVER_MS[kind as keyof typeof SERVER_MS],
        'ms',
      )
      notePredictor(rounds)
      note(
        'its decoder alone',
        of((it) => it.decoderMs),
        'ms',
      )
      judge(
        'predictor without both',
        of((it) => it.predictorMs - it.engineMs - it.decoderMs),
        PREDICTOR_MS,
        'ms',
      )
    }
  })
}

/** Processor time of a picture. */
function notePredictor(rounds: readonly Round[]): void {
  note('predictor', median(rounds.map((it) => it.predictorMs)), 'ms')
  note('its engine alone', median(rounds.map((it) => it.engineMs)), 'ms')
}

function withNetworks(work: (server: Serving) => Promise<void>): Promise<void> {
  const networks = NETWORKS.map((network) => ({ network }))
  return withServing(networks, async (server) => {
    const requests = requestsOf(server, QUICK, await smallPictures(CLIENTS))
    await measureClients(server.url, requests, { clients: CLIENTS, seconds: WARM_SECONDS })
    await work(server)
  })
}

function requestsOf(server: Serving, network: string, pictures: readonly Uint8Array[]): Buffer[] {
  const version = server.versions.find(({ model }) => model === network)!
  return pictures.map((picture) => predictRequest(server.url, byId(version), picture))
}

/** The machine's speed drifts: server and engine take turns. */
async function measureRounds(
  server: Serving,
  network: string,
  pictures: readonly Uint8Array[],
): Promise<Round[]> {
  const requests = requestsOf(server, network, pictures)
  const rounds: Round[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const clients = await server.spent(({ begin, end }) =>
      measureClients(server.url, requests, {
        clients: CLIENTS,
        seconds: SECONDS,
        onBegin: begin,
        onEnd: end,
      }),
    )
    const engine = measured(
      await measureEngine('forward', { engine: 'native', network, batch: BATCH, seconds: ENGINE_SECONDS }),
    )
    const each = 1000 / clients.result.answers
    rounds.push({
      ...clients.result,
      serverMs: clients.server * each,
      predictorMs: clients.predictors * each,
      engineMs: engine.cpuMs,
      decoderMs: await decodingMs(pictures[0]!),
      enginePerSecond: engine.picturesPerSecond,
    })
  }
  return rounds
}
