/** Debian's Chromium, and what can be measured of a page in it. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core'
import { UsageError } from './bench.ts'
import { watchPage } from './page-watch.ts'

const { CHROMIUM = '/usr/bin/chromium' } = process.env

export interface MeasuredPage {
  readonly page: Page
  /** Sockets that it has opened so far, and those of them that are open. */
  readonly sockets: { opened: number; open: number }
  /** Errors of the page, and what it wrote to its console as such. */
  readonly problems: readonly string[]
  /** Chromium's own counts (Performance.getMetrics) by name, in seconds, bytes and numbers; after a collection of garbage where that is asked for. */
  metrics(collected?: boolean): Promise<Record<string, number>>
  close(): Promise<void>
}

export interface MeasuredBrowser {
  /** A page of a person who was never here: nothing of it is in a cache. */
  open(): Promise<MeasuredPage>
  /** Seconds that the processes which run and draw pages have worked so far. */
  rendererSeconds(): Promise<number>
}

/** Opens a browser, and closes it when the work with it is done. */
export async function withBrowser(work: (browser: MeasuredBrowser) => Promise<void>): Promise<void> {
  if (!existsSync(CHROMIUM))
    throw new UsageError(`There is no ${CHROMIUM}: apt-get install chromium, or set CHROMIUM.`)
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  try {
    const cdp = await browser.newBrowserCDPSession()
    await work({ open: () => openPage(browser), rendererSeconds: () => rendererSeconds(cdp) })
  } finally {
    await browser.close()
  }
}

async function rendererSeconds(cdp: CDPSession): Promise<number> {
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo')
  return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { cpuTime }) => sum + cpuTime, 0)
}

async function openPage(browser: Browser): Promise<MeasuredPage> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  // What the compiler of benches calls around functions, to keep their names.
  await page.addInitScript('globalThis.__name = (named) => named')
  await page.addInitScript(watchPage)
  const sockets = { opened: 0, open: 0 }
  const problems: string[] = []
  page.on('websocket', (socket) => {
    sockets.opened += 1
    sockets.open += 1
    socket.on('close', () => {
      sockets.open -= 1
    })
  })
  page.on('pageerror', ({ message }) => void problems.push(message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  const cdp = await context.newCDPSession(page)
  await cdp.send('Performance.enable')
  return {
    page,
    sockets,
    problems,
    async metrics(collected = false) {
      // Twice: what the first one finalizes, the second one frees.
      if (collected) for (let i = 0; i < 2; i++) await cdp.send('HeapProfiler.collectGarbage')
      const { metrics } = await cdp.send('Performance.getMetrics')
      return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
    },
    close: () => context.close(),
  }
}
