import { existsSync } from 'node:fs'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'

export interface OpenedBrowser {
  /** A page of a person of its own, who has no network beyond the server. */
  visit(server: string, options?: BrowserContextOptions): Promise<{ context: BrowserContext; page: Page }>
  readonly version: string
  /** What pages asked for elsewhere. */
  readonly elsewhere: string[]
  /** Errors of pages, and what they wrote to their consoles as such. */
  readonly problems: string[]
  /** From now on a connection that failed is no problem. */
  expectDisconnection(): void
  close(): Promise<void>
}

/** What a test wants of the browser itself. */
interface Wanted {
  args?: readonly string[]
  env?: Record<string, string>
}

/** Opens Debian's Chromium; null where it is not installed, but in CI, where that is a failure. */
export function openBrowser({ args = [], env = {} }: Wanted = {}): (() => Promise<OpenedBrowser>) | null {
  if (process.env.CI === undefined && !existsSync(CHROMIUM)) return null
  return async () => {
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking', ...args],
      env: { ...process.env, ...env },
      timeout: 0,
    })
    const elsewhere: string[] = []
    const problems: string[] = []
    let connected = true
    const problem = (text: string) => {
      if (connected || !/net::ERR_|WebSocket connection/.test(text)) problems.push(text)
    }
    return {
      version: browser.version(),
      async visit(server, options = {}) {
        const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
        context.setDefaultTimeout(0)
        await context.route('**/*', (route) => {
          const url = new URL(route.request().url())
          // The origin of a blob: is that of the page which made it.
          if (url.origin === server || url.protocol === 'data:') return route.continue()
          elsewhere.push(url.href)
          return route.abort()
        })
        const page = await context.newPage()
        page.on('pageerror', (error) => problem(error.message))
        page.on('console', (message) => {
          if (message.type() === 'error') problem(message.text())
        })
        return { context, page }
      },
      elsewhere,
      problems,
      expectDisconnection() {
        connected = false
      },
      close: () => browser.close(),
    }
  }
}
