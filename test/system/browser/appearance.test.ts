import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import { placeDataset } from '../../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { fillFrozenZoo, NOW } from '../../support/frozen-zoo.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { compare, difference, watchRequests } from './pictures.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const FONT = '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'

/** Letters and edges come out alike on every machine. */
const browserOf =
  process.env.CI === undefined && !existsSync(FONT)
    ? null
    : openBrowser({
        args: [
          '--font-render-hinting=none',
          '--disable-lcd-text',
          '--disable-font-subpixel-positioning',
          '--force-color-profile=srgb',
        ],
        env: { FONTCONFIG_FILE: join(import.meta.dirname, 'pictures/fonts.conf') },
      })

interface View {
  name: string
  path: string
  /** What comes last on the page, as a locator of Playwright. */
  last: string
  theme: 'light' | 'dark'
  width: 1280 | 360
}

const VIEWS: readonly View[] = [
  { name: 'home', path: '/', last: 'text=Show one a picture', theme: 'light', width: 1280 },
  { name: 'home-phone-dark', path: '/', last: 'text=Show one a picture', theme: 'dark', width: 360 },
  { name: 'runs-dark', path: '/runs', last: 'svg.sparkline >> nth=3', theme: 'dark', width: 1280 },
  { name: 'run', path: '/runs/2?smooth=20', last: 'text=Surest mistakes', theme: 'light', width: 1280 },
  { name: 'run-phone', path: '/runs/1', last: 'text=Surest mistakes', theme: 'light', width: 360 },
  { name: 'run-failed-dark', path: '/runs/3', last: 'text=Network: vgg_mini', theme: 'dark', width: 1280 },
  { name: 'compare', path: '/compare?runs=1,2', last: 'text=Confusion of #2', theme: 'light', width: 1280 },
  { name: 'model-dark', path: '/models/vgg_mini', last: 'text=New alias', theme: 'dark', width: 1280 },
  { name: 'networks', path: '/networks', last: 'text=vgg19_bn', theme: 'light', width: 1280 },
  {
    name: 'predict-phone-dark',
    path: '/predict',
    last: 'text=Drop pictures here',
    theme: 'dark',
    width: 360,
  },
]

describe.skipIf(browserOf === null)(
  'the look of the dashboard (apt-get install chromium fonts-dejavu-core)',
  () => {
    let server: TestServer
    let browser: OpenedBrowser
    let page: Page
    beforeAll(async () => {
      expect(existsSync(FONT), 'apt-get install fonts-dejavu-core').toBe(true)
      const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-test-'))
      const folder = join(dataDir, 'database')
      await placeMigratedDatabase(folder)
      await placeDataset(dataDir)
      const database = await openDatabase({ folder })
      await fillFrozenZoo(database.prisma)
      await database.close()
      server = await startServer({ dataDir, dataset: 'cifar10' })
      browser = await browserOf!()
      ;({ page } = await browser.visit(server.url, { locale: 'en-GB', timezoneId: 'UTC' }))
      await page.clock.setFixedTime(NOW)
      watchRequests(page)
    })
    afterAll(async () => {
      await browser?.close()
      await stopServers()
    })

    test.each(VIEWS)('of $name is that of its picture', async ({ name, path, last, theme, width }) => {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme: theme })
      await page.goto(`${server.url}${path}`)
      await page.locator(last).first().waitFor({ state: 'attached' })
      // Losses come over the socket.
      await expect.poll(() => page.locator('.waiting').count()).toBe(0)
      expect(await difference(page, name, browser.version)).toBeNull()
    })

    test('a difference is found, and small ones are let pass', () => {
      const [width, height] = [100, 100]
      const of = (level: number, pixels: number) => ({
        data: Buffer.alloc(3 * width * height, 255).fill(level, 0, 3 * pixels),
        width,
        height,
      })
      const white = of(255, 0)
      expect(compare(white, white).share).toBe(0)
      expect(compare(of(240, 5000), white).share).toBe(0)
      expect(compare(of(200, 11), white).share).toBeCloseTo(0.0011)
    })
  },
)
