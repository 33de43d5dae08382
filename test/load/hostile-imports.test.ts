import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hostilePictures } from '../support/hostile-archives.ts'
import { importHostile } from '../support/hostile-imports.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CASES = Number(process.env.MALFORMED ?? 10_000)
const MOST_MEMORY = 1.5 * 2 ** 30
const MOST_MS = 60 * 60 * 1000

test(
  `${CASES} hostile or broken archives are each imported with a true report, or refused with a reason`,
  async () => {
    const [pictures, folder] = [await hostilePictures(), temporaryFolder()]
    const counts = { imported: 0, refused: 0 }
    for (let seed = 0; seed < CASES; seed++) counts[await importHostile(seed, pictures, folder)]++
    // Enough of both that the reports of each kind were looked at.
    expect(Math.min(counts.imported, counts.refused)).toBeGreaterThan(CASES / 10)
    expect(existsSync('/tmp/vggzoo-escaped')).toBe(false)
    expect(process.memoryUsage.rss()).toBeLessThan(MOST_MEMORY)
  },
  MOST_MS,
)
