import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEndedRuns } from '../../../bench/lib/ended-runs.ts'
import { createRehearsal } from '../../../bench/lib/rehearsal.ts'
import type { App } from '../../../src/app.ts'
import { readConfig } from '../../../src/config.ts'
import { openDatabase } from '../../../src/db/client.ts'
import { placeTinyDataset, TINY_MODULE } from '../../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { START } from '../../support/runs.ts'
import { type OpenedBrowser, openBrowser } from '../../system/browser/support.ts'

const ENDED = 150
const LIVE = 50
/** Small batches at this speed: two steps a second of each run. */
const REHEARSAL = { imagesPerSecond: 32, pace: 1 }
const RUN = { architecture: 'vgg_mini', dataset: 'tiny', epochs: 10_000, batchSize: 16, logEvery: 1 }

const MOST_NODES = 1500
const MOST_CANVASES = 12

const browserOf = openBrowser()

describe.skipIf(browserOf === null)(
  '200 runs, 50 of them live, in a browser (apt-get install chromium)',
  () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-test-'))
    const leaving = new AbortController()
    let app: App
    let browser: OpenedBrowser
    let page: Page
    const sockets: string[] = []
    beforeAll(async () => {
      await placeMigratedDatabase(join(dataDir, 'database'))
      await placeTinyDataset(dataDir)
      const database = await openDatabase({ folder: join(dataDir, 'database') })
      await createEndedRuns(database.prisma, ENDED)
      await database.close()
      const compiled = new URL('../../../dist/app.js', import.meta.url).href
      const { startApp } = (await import(compiled)) as typeof import('../../../src/app.ts')
      const config = readConfig({
        PORT: '0',
        DATA_DIR: dataDir,
        DATASET_SOURCES: TINY_MODULE,
        ENGINE: 'cpu',
        MAX_CONCURRENT_RUNS: String(LIVE),
      })
      const trainers = createRehearsal(REHEARSAL)
      app = await startApp(config, pino({ level: 'silent' }), leaving.signal, { trainers })
      for (let seed = 0; seed < LIVE; seed++) await start({ ...RUN, seed })
      browser = await browserOf!()
      ;({ page } = await browser.visit(app.url))
      page.on('websocket', (socket) => void sockets.push(socket.url()))
    })
    afterAll(async () => {
      await browser?.close()
      await app?.close()
      rmSync(dataDir, { recursive: true, force: true })
    })

    async function start(input: object): Promise<void> {
      const response = await fetch(`${app.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query: START, variables: { input } }),
      })
      const { data } = await response.json()
      expect(data.startTrainingRun.__typename).toBe('TrainingRun')
    }

    /** Texts and attributes count, too; what is left of an earlier page does not. */
    async function nodes(): Promise<number> {
      const cdp = await page.context().newCDPSession(page)
      await cdp.send('Performance.enable')
      await cdp.send('HeapProfiler.collectGarbage')
      const { metrics } = await cdp.send('Performance.getMetrics')
      await cdp.detach()
      return metrics.find(({ name }) => name === 'Nodes')!.value
    }

    test('the list has only the rows in view, and these go on', async () => {
      await page.goto(`${app.url}/runs?cols=status,curve,progress,speed`)
      await page.getByRole('heading', { name: `Runs ${ENDED + LIVE}` }).waitFor()
      const speed = page
        .locator(`[data-run="${ENDED + LIVE}"]`)
        .locator('xpath=ancestor::tr')
        .locator('td')
        .last()
      await expect.poll(() => speed.textContent()).toBe('32')
      const curve = page.locator('table.runs svg.sparkline').first()
      const before = await curve.getAttribute('aria-label')
      await expect.poll(() => curve.getAttribute('aria-label')).not.toBe(before)
      expect(await page.locator('table.runs tbody tr').count()).toBeLessThan(60)
      expect(await page.locator('canvas').count()).toBe(0)
      await page.getByRole('link', { name: 'vggzoo' }).click()
    })

    test('home shows the newest of them as cards, and says how many there are', async () => {
      await page.locator('figure.chart canvas').nth(3).waitFor()
      await page.getByRole('link', { name: `All ${LIVE} at work` }).waitFor()
      expect(await page.locator('canvas').count()).toBeLessThanOrEqual(MOST_CANVASES)
      expect(await nodes()).toBeLessThanOrEqual(MOST_NODES)
      await page.getByRole('link', { name: `All ${LIVE} at work` }).click()
      await page.getByRole('heading', { name: `Runs ${LIVE}` }).waitFor()
      await page.locator('table.runs svg.sparkline').nth(10).waitFor()
      expect(await nodes()).toBeLessThanOrEqual(MOST_NODES)
    })

    test('every page is on the one socket', async () => {
      await page.locator(`[data-run="${ENDED + LIVE}"]`).click()
      await page.locator('figure.chart canvas').first().waitFor()
      expect(await page.locator('canvas').count()).toBeLessThanOrEqual(MOST_CANVASES)
      expect(await nodes()).toBeLessThanOrEqual(MOST_NODES)
      expect(sockets).toHaveLength(1)
      expect(browser.problems).toEqual([])
    })
  },
)
