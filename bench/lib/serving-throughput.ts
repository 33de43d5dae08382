/** Many clients of one model, beside what its engine makes alone; and what a prediction costs. */
import sharp from 'sharp'
import { heading, judge, note } from './budget.ts'
import { measured, measureEngine } from './engine.ts'
import { byId, type ClientsResult, measureClients, predictRequest } from './serving-clients.ts'
import { type Serving, withServing } from './serving-server.ts'
import { median } from './statistics.ts'

const CLIENTS = 64
const SECONDS = 4
const ROUNDS = 3
/** The part of the engine's own rate, and the rate that is enough. */
const LIMITS: Readonly<Record<string, { part: number; enough: number }>> = {
  lecture_vgg16: { part: 0.85, enough: Number.POSITIVE_INFINITY },
  vgg_mini: { part: 0.6, enough: 900 },
}
const TAIL = 2.5
const SERVER_MS = 0.8
const PREDICTOR_MS = 0.3

export async function measureThroughput(): Promise<void> {
  const networks = Object.keys(LIMITS)
  await withServing(
    networks.map((network) => ({ network })),
    async (server) => {
      for (const network of networks) await measureNetwork(server, network)
    },
  )
}

async function measureNetwork(server: Serving, network: string): Promise<void> {
  const version = server.versions.find(({ model }) => model === network)!
  const pictures = await Promise.all(Array.from({ length: 64 }, (_, seed) => smallPng(seed)))
  const requests = pictures.map((picture) => predictRequest(server.url, byId(version), picture))
  const engine = async () =>
    measured(await measureEngine('forward', { engine: 'native', network, batch: 32, seconds: 2 }))
      .picturesPerSecond
  const alone = [await engine()]
  const rounds: (ClientsResult & { serverMs: number; predictorMs: number })[] = []
  // The machine's speed drifts: they take turns.
  for (let round = 0; round < ROUNDS; round++) {
    let cpu = server.cpu()
    let spent = { server: 0, predictors: 0 }
    const result = await measureClients(server.url, requests, {
      clients: CLIENTS,
      seconds: SECONDS,
      onBegin: () => {
        cpu = server.cpu()
      },
      onEnd: () => {
        const now = server.cpu()
        spent = { server: now.server - cpu.server, predictors: now.predictors - cpu.predictors }
      },
    })
    const each = 1000 / result.answers
    rounds.push({ ...result, serverMs: spent.server * each, predictorMs: spent.predictors * each })
    alone.push(await engine())
  }
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map((round) => round[key]))
  const { part, enough } = LIMITS[network]!
  const own = median(alone)
  const rate = of('perSecond')
  heading(`${network}: ${CLIENTS} clients, 32x32 PNG in base64`)
  note('the engine alone, batches of 32', own, '/s')
  note('predictions', rate, '/s')
  judge('milliseconds a prediction', 1000 / rate, 1000 / Math.min(enough, part * own), 'ms')
  note('of the engine alone', rate / own, '')
  note('p50', of('p50'), 'ms')
  judge('p99 over p50', median(rounds.map(({ p50, p99 }) => p99 / p50)), TAIL, '')
  judge('server, CPU of a prediction', of('serverMs'), SERVER_MS, 'ms')
  note('predictor, CPU of a prediction', of('predictorMs'), 'ms')
  void PREDICTOR_MS
}

/** A picture as large as the networks', each another one. */
function smallPng(seed: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => ((at + seed) * 2654435761) >>> 24)
  return sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png()
    .toBuffer()
}
