import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

const CHROMIUM = '/usr/bin/chromium'
// In CI a missing browser is a failure, and never a skipped test.
const available = process.env.CI !== undefined || existsSync(CHROMIUM)

describe.skipIf(!available)('the playground in a browser without network (apt-get install chromium)', () => {
  let server: TestServer
  let browser: Browser
  let page: Page
  const elsewhere: string[] = []
  const problems: string[] = []

  beforeAll(async () => {
    server = await startServer()
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    })
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await page.route('**/*', (route) => {
      const url = route.request().url()
      if (url.startsWith(server.url) || url.startsWith('data:') || url.startsWith('blob:'))
        return route.continue()
      elsewhere.push(url)
      return route.abort()
    })
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    await page.goto(`${server.url}/graphql`)
    await page.locator('.graphiql-query-editor').waitFor()
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
  })

  /** Puts an operation into the editor, and runs it when the editor has understood it: its tab has its name then. */
  async function run(name: string, text: string): Promise<void> {
    await page.locator('.graphiql-query-editor').click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(text)
    // The editor may have closed brackets by itself, behind the cursor.
    await page.keyboard.press('Control+Shift+End')
    await page.keyboard.press('Delete')
    await page.locator('.graphiql-tab', { hasText: name }).waitFor()
    await page.keyboard.press('Control+Enter')
  }
  const answer = () => page.locator('.graphiql-response')

  test('welcomes with operations that can be run as they stand', async () => {
    const editor = page.locator('.graphiql-query-editor')
    await expect.poll(() => editor.textContent()).toMatch(/vggzoo:\sVGG\snetworks/)
    expect(await page.title()).toMatch(/vggzoo/i)
  })

  test('answers a query', async () => {
    await run('Count', 'query Count { architecture(name: "vgg16") { parameterCount } }')
    await expect.poll(() => answer().textContent(), { timeout: 10_000 }).toMatch(/138357544/)
  })

  test('shows the points of a subscription over WebSocket', async () => {
    const id = await completeRun(server)
    await run('Watch', `subscription Watch { trainingLoss(id: "${id}") { step loss } }`)
    await expect.poll(() => answer().textContent(), { timeout: 10_000 }).toMatch(/"step":\s4/)
  })

  test('explains the schema', async () => {
    await page.getByRole('button', { name: /documentation explorer/i }).click()
    await expect.poll(() => page.locator('.graphiql-doc-explorer').textContent()).toMatch(/Subscription/)
  })

  test('asked nothing of the network, and met no error', async () => {
    if (process.env.SCREENSHOT !== undefined) await page.screenshot({ path: process.env.SCREENSHOT })
    expect(elsewhere).toEqual([])
    expect(problems).toEqual([])
  })
})
