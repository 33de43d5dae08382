import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/db/client.ts'
import { SEGMENT_NAME } from '../../src/db/write-ahead-log.ts'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { expectGoesOn, expectNothingLost, expectSoundDatabase } from '../support/power-cut/after.ts'
import { cutPower } from '../support/power-cut/cuts.ts'
import { readDisk } from '../support/power-cut/disk.ts'
import { canRecord, startRecorder } from '../support/power-cut/recording.ts'
import { recordWorkingServer, type Told } from '../support/power-cut/working-server.ts'
import { seededRandom } from '../support/random.ts'
import { stopServers } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CUTS = Number(process.env.CUTS ?? 200)
const SEED = Number(process.env.CUT_SEED ?? 1)
/** On one of so many a server is started, and does its work to the end. */
const GOES_ON = 20
/** Events with 50 points each: 20 kB of log, so that there are checkpoints and new segments among them. */
const EVENTS = 5000

afterAll(stopServers)

test.skipIf(!canRecord)(
  'whatever a disk holds after a power cut, at 200 moments of a server at work, all that was told is there',
  async () => {
    const folder = temporaryFolder()
    const work = { epochs: 6, predictions: 40, isLong: true }
    const { disk, deeds } = await recordWorkingServer(join(folder, 'worked'), work)
    const failures = await cutPower<Told>({
      ...{ disk, deeds, cuts: CUTS, random: seededRandom(SEED), folder: join(folder, 'after') },
      async check(after, told, cut) {
        await expectNothingLost(after, told)
        await expectSoundDatabase(join(after, 'database'))
        if (cut % GOES_ON === 0) await expectGoesOn(after, told)
      },
    })
    expect(failures).toEqual([])
  },
)

test.skipIf(!canRecord)(
  'nor does a database lose a row that writes tens of megabytes of log, with checkpoints in between',
  async () => {
    const folder = temporaryFolder()
    const worked = join(folder, 'worked')
    mkdirSync(worked)
    await placeMigratedDatabase(join(worked, 'database'))
    const disk = readDisk(worked)
    const recorder = startRecorder(worked)
    const script = join(import.meta.dirname, '../system/db/child.ts')
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', script, 'write', join(worked, 'database'), '1'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...recorder.env },
      },
    )
    for await (const line of createInterface({ input: child.stdout })) {
      recorder.mark(Number(line))
      if (Number(line) === EVENTS) child.kill('SIGKILL')
    }
    const deeds = recorder.deeds()
    recorder.close()
    // A checkpoint has no more use for the oldest segments, which become the next ones.
    const isReuse = (it: (typeof deeds)[number]) =>
      it.kind === 'rename' && [it.from, it.to].every((path) => SEGMENT_NAME.test(basename(path)))
    expect(deeds.filter(isReuse).length).toBeGreaterThan(1)

    const failures = await cutPower<number>({
      ...{ disk, deeds, cuts: CUTS / 4, random: seededRandom(SEED), folder: join(folder, 'after') },
      async check(after, told) {
        const { prisma, close } = await openDatabase({ folder: join(after, 'database') })
        const events = await prisma.runEvent.findMany({ select: { seq: true } })
        const points = await prisma.lossPoint.groupBy({ by: ['seq'], _count: true })
        await close()
        const found = new Set(events.map(({ seq }) => seq))
        expect(told.filter((seq) => !found.has(seq))).toEqual([])
        expect(points.length).toBe(events.length)
        expect(points.filter(({ _count }) => _count !== 50)).toEqual([])
        await expectSoundDatabase(join(after, 'database'))
      },
    })
    expect(failures).toEqual([])
  },
)
