/** Whether the server answers others while somebody has a long run replayed: the embedded database computes meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/db/client.ts'
import { heading, judge, note } from './budget.ts'
import { createRun } from './history-run.ts'
import { type BenchServer, withServer } from './server.ts'
import { quantile } from './statistics.ts'

const EVENTS = 10_000
const POINTS_PER_EVENT = 10
const REPLAYS = 3
const WARM_UP = 200
const IDLE = 300
/** A person does not notice it. */
const P99_MS = 50

const NOTHING = '{ __typename }'
const REPLAY = `subscription ($id: ID!) {
  trainingRunEvents(id: $id) { __typename ... on LossPoints { points { step loss learningRate } } }
}`

export async function measureReplay(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const database = await openDatabase({ folder: join(dataDir, 'database') })
    const { id } = await createRun(
      database.prisma,
      [{ from: 0, to: EVENTS * POINTS_PER_EVENT }],
      POINTS_PER_EVENT,
    )
    await database.close()
    const run = Buffer.from(`TrainingRun:${id}`).toString('base64')
    await withServer({ dataDir, dataset: false }, (server) => measure(server, run))
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function measure(server: BenchServer, id: string): Promise<void> {
  const ask = async (times: number[]) => {
    const began = performance.now()
    await server.query(NOTHING)
    times.push(performance.now() - began)
  }
  for (let i = 0; i < WARM_UP; i++) await ask([])
  const idle: number[] = []
  for (let i = 0; i < IDLE; i++) await ask(idle)

  const during: number[] = []
  const began = performance.now()
  let events = 0
  let over = false
  const replays = (async () => {
    for (let i = 0; i < REPLAYS; i++) for await (const _ of server.watch(REPLAY, { id })) events++
    over = true
  })()
  while (!over) await ask(during)
  await replays
  const seconds = (performance.now() - began) / 1000

  heading(`${NOTHING} over HTTP, one after the other`)
  note('nothing else to do, p50', quantile(idle, 0.5), 'ms')
  note('nothing else to do, p99', quantile(idle, 0.99), 'ms')
  note(`beside a replay of ${EVENTS} events, p50`, quantile(during, 0.5), 'ms')
  judge(`beside a replay of ${EVENTS} events, p99`, quantile(during, 0.99), P99_MS, 'ms')
  note('the replay meanwhile', events / seconds, '/s')
}
