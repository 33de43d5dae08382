import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { expectGoesOn, expectNothingLost } from '../../support/power-cut/after.ts'
import { cutPower } from '../../support/power-cut/cuts.ts'
import { canRecord } from '../../support/power-cut/recording.ts'
import { recordWorkingServer, type Told } from '../../support/power-cut/working-server.ts'
import { seededRandom } from '../../support/random.ts'
import { stopServers } from '../../support/server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const CUTS = 5

afterAll(stopServers)

// 200 of them are a load test.
test.skipIf(!canRecord)(
  'whatever a disk holds after a power cut, all that a server told is there, and its work goes on',
  async () => {
    const folder = temporaryFolder()
    const work = { epochs: 2, predictions: 8, isLong: false }
    const { disk, deeds } = await recordWorkingServer(join(folder, 'worked'), work)
    const failures = await cutPower<Told>({
      ...{ disk, deeds, cuts: CUTS, random: seededRandom(5), folder: join(folder, 'after') },
      async check(after, told, cut) {
        await expectNothingLost(after, told)
        if (cut === CUTS - 1) await expectGoesOn(after, told)
      },
    })
    expect(failures).toEqual([])
  },
)
