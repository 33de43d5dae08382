import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun, startRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CHROMIUM = '/usr/bin/chromium'
// In CI a missing browser is a failure, and never a skipped test.
const available = process.env.CI !== undefined || existsSync(CHROMIUM)

const CANCEL = 'mutation Cancel($id: ID!) { cancelTrainingRun(id: $id) { __typename } }'

describe.skipIf(!available)('the playground in a browser without network (apt-get install chromium)', () => {
  let server: TestServer
  let browser: Browser
  let page: Page
  const elsewhere: string[] = []
  const sockets: string[] = []
  const problems: string[] = []

  beforeAll(async () => {
    server = await startServer({ dataset: 'cifar10' })
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      timeout: 0,
    })
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
    await page.route('**/*', (route) => {
      const url = new URL(route.request().url())
      // The origin of a blob: is that of the page which made it.
      if (url.origin === server.url || url.protocol === 'data:') return route.continue()
      elsewhere.push(url.href)
      return route.abort()
    })
    page.on('websocket', (socket) => sockets.push(socket.url()))
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.setDefaultTimeout(0)
    await page.goto(`${server.url}/graphql`)
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
  })

  const editor = (text: RegExp) => page.locator('.graphiql-query-editor', { hasText: text })
  const answer = (text: RegExp) => page.locator('.graphiql-response', { hasText: text })
  /** For a person who looks: SCREENSHOT is the beginning of the files' names. */
  const shoot = async (name: string) => {
    const { SCREENSHOT } = process.env
    if (SCREENSHOT !== undefined) await page.screenshot({ path: `${SCREENSHOT}-${name}.png` })
  }

  /** Presses the button and chooses one of the operations of the text in the editor. */
  async function choose(operation: string): Promise<void> {
    await page.getByRole('button', { name: /execute/i }).click()
    await page.getByRole('menuitem', { name: operation, exact: true }).click()
  }
  async function type(place: string, text: string): Promise<void> {
    await page.locator(place).click()
    await page.keyboard.press('Control+A')
    await page.keyboard.insertText(text)
    // The editor may have closed brackets by itself, behind the cursor.
    await page.keyboard.press('Control+Shift+End')
    await page.keyboard.press('Delete')
  }

  test('welcomes with operations, and runs the query among them', async () => {
    await editor(/vggzoo:\sVGG\snetworks/).waitFor()
    expect(await page.title()).toBe('vggzoo')
    await shoot('welcome')
    const response = page.waitForResponse((it) => it.request().postDataJSON()?.operationName === 'Zoo')
    await choose('Zoo')
    const { data } = await (await response).json()
    expect(data.system.engine.kind).toBe(await server.engineKind())
    expect(data.architectures.edges).toHaveLength(17)
    await answer(/"name":\s"vgg11"/).waitFor()
    await shoot('query')
  })

  test('starts a run by the welcome mutation', async () => {
    const response = page.waitForResponse((it) => it.request().postDataJSON()?.operationName === 'Train')
    await choose('Train')
    const { id, number } = (await (await response).json()).data.startTrainingRun
    await answer(new RegExp(`"number":\\s${number}\\b`)).waitFor()
    await server.query(CANCEL, { id })
  })

  test('shows the loss of a running run over WebSocket, point after point', async () => {
    const id = await startRun(server, { epochs: 10_000 })
    await type('.graphiql-editor-tool', JSON.stringify({ id }))
    await choose('Watch')
    await answer(/"step":\s\d[\s\S]*"loss":\s\d/).waitFor()
    await shoot('subscription')
    // Each point takes the place of the one before it.
    await answer(/"step":\s\d\d/).waitFor()
    await server.query(CANCEL, { id })
    expect(sockets).toContain(`${server.url.replace('http', 'ws')}/graphql`)
  })

  test('classifies a test image by the welcome mutation', async () => {
    await completeRun(server)
    await choose('Classify')
    await answer(/"probabilities":\s\[/).waitFor()
    await shoot('prediction')
  })

  test('answers a query that a person types', async () => {
    await type('.graphiql-query-editor', 'query Count { architecture(name: "vgg16") { parameterCount } }')
    // When the editor has understood the text, its tab bears the name of the operation.
    await page.locator('.graphiql-tab', { hasText: 'Count' }).waitFor()
    await page.keyboard.press('Control+Enter')
    await answer(/138357544/).waitFor()
  })

  test('explains the schema', async () => {
    await page.getByRole('button', { name: /documentation explorer/i }).click()
    const docs = (text: RegExp) => page.locator('.graphiql-doc-explorer', { hasText: text })
    await docs(/Root Types/).waitFor()
    await page.locator('.graphiql-doc-explorer').getByText('Subscription', { exact: true }).first().click()
    await docs(/trainingLoss/).waitFor()
    await shoot('docs')
  })

  test('asked nothing of the network, and met no error', () => {
    expect(elsewhere).toEqual([])
    expect(sockets.filter((url) => new URL(url).host !== new URL(server.url).host)).toEqual([])
    expect(problems).toEqual([])
  })
})
