import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { seededRandom } from '../support/random.ts'
import { collectEvents, EVENTS, type Event, finalDigest, isStatus, startRun } from '../support/runs.ts'
import { stopServers, type TestServer } from '../support/server.ts'
import { followThrough, startSurvivor } from '../support/survivor.ts'

const KILLS = 50
/** From the moment that a trainer is started: some kills come before it trains. */
const MOST_MS = 1500
const SEED = Number(process.env.KILL_SEED ?? 1)

/** Long enough for every kill to meet it at work. */
const RUN = {
  epochs: 120,
  trainLimit: 250,
  testLimit: 32,
  batchSize: 16,
  logEvery: 1,
  seed: 3,
  augmentation: { horizontalFlip: true, cropPadding: 4, cutout: 8 },
  checkpoints: { everySteps: 7 },
}

afterAll(stopServers)

const pointsOf = (events: Event[]): Event[] => events.flatMap((event) => event.points ?? [])
const told = ({ step, loss, learningRate }: Event) => [step, loss, learningRate]

/** The points that count: none of a step that a later attempt has trained again. */
function effective(events: Event[]): Event[] {
  const starts = events.filter(isStatus('RUNNING'))
  return pointsOf(events).filter(({ attempt, step }) =>
    starts.every((start) => start.attempt <= attempt || step <= start.step),
  )
}

test('a run whose trainer or server is killed at 50 moments comes to the bytes of one that was left alone', {
  timeout: 3_600_000,
}, async () => {
  const survivor = await startSurvivor({ dataset: 'cifar10', env: { MAX_RESTARTS: '9999' } })
  const alone = await startRun(await survivor.server(), RUN)
  const undisturbed = await collectEvents(await survivor.server(), alone)
  const digest = await finalDigest(await survivor.server(), alone)

  const random = seededRandom(SEED)
  const id = await startRun(await survivor.server(), RUN)
  let wake = () => {}
  let isOver = false
  let atWork = false
  const following = followThrough(survivor, EVENTS, id, (event) => {
    if (event.__typename !== 'StatusChanged') return
    atWork = event.status === 'PREPARING' || event.status === 'RUNNING'
    isOver = event.status === 'COMPLETED'
    wake()
  })
  const killed = { trainer: 0, server: 0 }
  for (let kills = 0; kills < KILLS; ) {
    while (!atWork && !isOver) await new Promise<void>((resolve) => (wake = resolve))
    expect(isOver, `it was over after ${kills} kills: give it more epochs`).toBe(false)
    // The moment is what this is about: any of them.
    await setTimeout(random() * MOST_MS)
    atWork = false
    const server = await survivor.server()
    if (random() < 0.5) {
      await survivor.kill()
      killed.server += 1
    } else {
      if (!(await killTrainer(server, id))) continue
      killed.trainer += 1
    }
    kills += 1
  }
  expect(killed.trainer + killed.server).toBe(KILLS)
  const events = await following

  // Each event once and in order: no gap, no duplicate.
  const server = await survivor.server()
  const all = await collectEvents(server, id)
  expect(events.map(({ cursor }) => cursor)).toEqual(all.map(({ cursor }) => cursor))
  expect(events).toEqual(all)
  const counted = effective(events).map(told)
  expect(counted).toEqual(pointsOf(undisturbed).map(told))
  expect(await finalDigest(server, id)).toBe(digest)
  const { trainingRun } = await server.query(
    `query ($id: ID!) { trainingRun(id: $id) { status attempt attempts { fromStep } losses { step } } }`,
    { id },
  )
  // Nothing is left that nobody names: files of weights, and of each run the newest one's state.
  const { trainingRuns } = await server.query(
    '{ trainingRuns(first: 2) { edges { node { checkpoints { digest } modelVersions { digest } } } } }',
  )
  const named = trainingRuns.edges.flatMap(({ node }: Event) => [...node.checkpoints, ...node.modelVersions])
  const weights = new Set(named.map(({ digest }: Event) => `${digest}.safetensors`))
  const others = readdirSync(join(server.dataDir, 'artifacts')).filter((name) => !weights.has(name))
  expect(others).toEqual(Array(2).fill(expect.stringMatching(/^[0-9a-f]{64}\.safetensors$/)))
  process.stdout.write(
    `${killed.trainer} kills of the trainer and ${killed.server} of the server, ${trainingRun.attempt} attempts, ${pointsOf(events).length} points for ${counted.length} steps\n`,
  )
})

/** False when there was none at that moment. */
async function killTrainer(server: TestServer, id: string): Promise<boolean> {
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { number attempt status } }',
    { id },
  )
  if (trainingRun.status !== 'PREPARING' && trainingRun.status !== 'RUNNING') return false
  const line = await server.logged(
    (it) =>
      it.msg === 'trainer started' && it.run === trainingRun.number && it.attempt === trainingRun.attempt,
  )
  try {
    process.kill(line.trainer as number, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
