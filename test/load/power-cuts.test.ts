import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { expectGoesOn, expectNothingLost } from '../support/power-cut/after.ts'
import { recordWorkingServer, type Told } from '../support/power-cut/working-server.ts'
import { seededRandom } from '../support/random.ts'
import { stopServers } from '../support/server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CUTS = Number(process.env.CUTS ?? 200)
/** On one of so many a server is started, and does its work to the end. */
const GOES_ON = 20
const SEED = Number(process.env.CUT_SEED ?? 1)

afterAll(stopServers)

test('whatever a disk holds after a power cut, at 200 moments, all that was told is there', async () => {
  const folder = temporaryFolder()
  const { disk, deeds } = await recordWorkingServer(join(folder, 'worked'), {
    epochs: 6,
    predictions: 40,
    isLong: true,
  })
  const random = seededRandom(SEED)
  const moments = Array.from({ length: CUTS }, () => Math.floor(random() * deeds.length))
  const told: Told[] = []
  const failures: string[] = []
  let played = 0
  for (const [i, moment] of moments.sort((a, b) => a - b).entries()) {
    for (const deed of deeds.slice(played, moment)) {
      disk.play(deed)
      if (deed.kind === 'mark') told.push(deed.mark as Told)
    }
    played = moment
    const after = join(folder, 'after')
    disk.rebuild(after, random)
    try {
      await expectNothingLost(after, told)
      if (i % GOES_ON === 0) await expectGoesOn(after, told)
    } catch (error) {
      failures.push(`cut ${i} after ${moment} of ${deeds.length} deeds: ${(error as Error).message}`)
    }
    rmSync(after, { recursive: true })
  }
  expect(failures).toEqual([])
  expect(told.length).toBeGreaterThan(100)
})
