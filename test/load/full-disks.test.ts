import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { vggzoo } from '../support/cli.ts'
import { placeTinyDataset } from '../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { RUN, workOn } from '../support/full-disk/work.ts'
import { REGISTER, SET_ALIAS } from '../support/models.ts'
import { expectGoesOn, expectNothingLost, expectSoundDatabase } from '../support/power-cut/after.ts'
import { drawing } from '../support/random.ts'
import { completeRun, finalDigest } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'
import { mountSmallDisk, type SmallDisk, skipsSmallDisks } from '../support/small-disk.ts'
import { refusal } from '../system/support/refusal.ts'

const TIMES = Number(process.env.FULL_DISKS ?? 100)
const SEED = Number(process.env.FULL_DISK_SEED ?? 1)
/** Once in so many times the server is stopped, and all that it keeps is looked at. */
const LOOK_EVERY = 10
const MOST_MS = 3 * 60 * 60 * 1000

let disk: SmallDisk | undefined

afterAll(async () => {
  await stopServers()
  disk?.unmount()
})

test.skipIf(skipsSmallDisks)(
  `a disk that becomes full ${TIMES} times, at any moment of all kinds of work, costs nothing that was told, and all goes on`,
  { timeout: MOST_MS },
  async () => {
    disk = mountSmallDisk(400)
    const { fill, empty } = disk
    const folder = join(disk.folder, 'data')
    await placeMigratedDatabase(join(folder, 'database'))
    await placeTinyDataset(folder)
    const start = () => startServer({ dataDir: folder, env: { MAX_RESTARTS: '20' } })
    const first = await start()
    const expected = await expectedOf(first)
    let server = Promise.resolve(first)
    let room = Promise.resolve()
    const work = workOn({ server: () => server, room: () => room }, expected)
    const draw = drawing(SEED)

    /** Ends the server, does something with its folder, and starts the next. */
    const restart = async (signal: NodeJS.Signals, between: () => Promise<void>) => {
      const last = await server
      server = last.stop(signal).then(between).then(start)
      await server
    }

    const look = async () => {
      await expectNothingLost(folder, work.told)
      await expectSoundDatabase(join(folder, 'database'))
      const { code, out, err } = await vggzoo(['check'], { DATA_DIR: folder })
      expect({ code, out, err }).toMatchObject({ code: 0 })
    }

    /** Until some work is refused, and there is room again. */
    const beFull = async () => {
      const free = draw.oneOf([0, draw.below(2 ** 20), draw.below(16 * 2 ** 20)])
      fill(free)
      await work.refused(1 + draw.below(3))
      const end = draw.oneOf([null, null, 'SIGTERM', 'SIGKILL'] as const)
      if (end === null) empty()
      else {
        await restart(end, async () => {
          if (free === 0) await expectNoStart(folder)
          empty()
        })
      }
      const { url } = await server
      await expect.poll(async () => (await fetch(`${url}/health/ready`)).status).toBe(200)
    }

    for (let time = 1; time <= TIMES; time++) {
      await work.done(1 + draw.below(20))
      room = beFull()
      await room
      if (time % LOOK_EVERY === 0) await restart('SIGTERM', look)
    }
    await work.end()
    await (await server).stop()
    await look()
    await expectGoesOn(folder, work.told)
    const counts = Object.entries(work.counts).map(([what, count]) => `${count} ${what}`)
    process.stdout.write(`${TIMES} full disks: ${counts.join(', ')}\n`)
  },
)

async function expectNoStart(folder: string): Promise<void> {
  const { code, lines } = await refusal({ DATA_DIR: folder })
  expect(code).toBe(1)
  expect(lines).toEqual([
    expect.stringMatching(/cannot start: the data folder .* \(DATA_DIR\).*disk is full/),
  ])
}

/** What undisturbed runs come to; and a model `kept` whose champion classifies pictures. */
async function expectedOf(server: TestServer) {
  const digests = new Map<number, string>()
  for (const seed of [1, 2, 3]) {
    const runId = await completeRun(server, { ...RUN, seed })
    digests.set(seed, await finalDigest(server, runId))
    if (seed !== 1) continue
    const { registerModel } = await server.query(REGISTER, { input: { name: 'kept', weights: { runId } } })
    await server.query(SET_ALIAS, { input: { name: 'champion', versionId: registerModel.id } })
  }
  const { model } = await server.query(
    '{ model(name: "kept") { versions(first: 1) { edges { node { downloads { safetensors { url } } } } } } }',
  )
  const { url } = model.versions.edges[0].node.downloads.safetensors
  const safetensors = new Uint8Array(await (await fetch(server.url + url)).arrayBuffer())
  return { digests, safetensors }
}
