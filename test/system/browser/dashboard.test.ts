import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loss as written } from '../../../web/format.ts'
import { completeRun, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { openStallingRegistry } from '../../support/stalling-registry.ts'
import { AXE, violations } from './accessibility.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const LONG = { epochs: 1000, trainLimit: 256, testLimit: 32, batchSize: 16, logEvery: 1, seed: 7 }

const lossOf = (page: Page) => page.getByRole('figure', { name: /^Loss of run/ })

/** What the table beside the chart of the loss says: the newest 200 steps. */
async function plotted(page: Page): Promise<Map<number, string>> {
  const figure = lossOf(page)
  const table = figure.locator('details')
  if ((await table.getAttribute('open')) === null) await table.locator('summary').click()
  await figure.locator('tbody tr').first().waitFor()
  const rows = await figure
    .locator('tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
  const steps = rows.map(([step, loss]) => [Number(step!.replaceAll(',', '')), loss!] as const)
  expect(new Set(steps.map(([step]) => step)).size, 'each step once').toBe(steps.length)
  return new Map(steps.filter(([, loss]) => loss !== '–'))
}

async function lossesOf(server: TestServer, id: string): Promise<Map<number, string>> {
  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { losses { step loss } } }',
    { id },
  )
  return new Map(
    trainingRun.losses.map(({ step, loss }: { step: number; loss: number }) => [step, written(loss)]),
  )
}

async function numberOf(server: TestServer, id: string): Promise<number> {
  return (await server.query('query ($id: ID!) { trainingRun(id: $id) { number } }', { id })).trainingRun
    .number
}

const cancel = (server: TestServer, id: string) =>
  server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', { id })

/** The first colour that a canvas has that is not grey: a curve. */
const hasColour = (page: Page) =>
  page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('figure.chart canvas')
    const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data ?? []
    for (let i = 0; i < pixels.length; i += 4) {
      const [red, green, blue, alpha] = [pixels[i]!, pixels[i + 1]!, pixels[i + 2]!, pixels[i + 3]!]
      if (alpha > 200 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) return true
    }
    return false
  })

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('the dashboard in a browser (apt-get install chromium)', () => {
  let server: TestServer
  let browser: OpenedBrowser
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    browser = await browserOf!()
    server = await startServer({ dataset: 'cifar10' })
    ;({ context, page } = await browser.visit(server.url))
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
  })

  test('an empty zoo says what it is, and one click leads to a curve in colour', async () => {
    await page.goto(server.url)
    await page.getByRole('heading', { name: /teach a network to see/i }).waitFor()
    await page.locator('.pictures img').nth(15).waitFor()
    await page.getByRole('button', { name: 'Train vgg_mini now' }).click()
    await page.waitForURL(/\/runs\/1$/)
    await hasColour(page)
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    page.once('dialog', (dialog) => void dialog.accept())
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.locator('.status', { hasText: 'cancelled' }).waitFor()
  })

  test('plots each step of a run once, with the losses that the API has', async () => {
    const id = await completeRun(server)
    await page.goto(`${server.url}/runs/${await numberOf(server, id)}`)
    await lossOf(page).waitFor()
    expect(await plotted(page)).toEqual(await lossesOf(server, id))
  })

  test('shows the confusion matrix and what became of a run that has ended', async () => {
    await page.getByRole('heading', { name: 'Confusion matrix' }).waitFor()
    const cells = await page
      .locator('table.matrix tbody tr:not(:last-child) td:not(:last-child)')
      .allTextContents()
    expect(cells).toHaveLength(100)
    expect(cells.reduce((sum, cell) => sum + (cell === '·' ? 0 : Number(cell)), 0)).toBe(32)
    await page.getByRole('link', { name: 'vgg_mini version 1' }).waitFor()
  })

  test('a second click on Pause asks nothing: the run was paused once', async () => {
    const id = await startRun(server, LONG)
    await waitForEvent(server, id, (event) => event.__typename === 'LossPoints')
    await page.goto(`${server.url}/runs/${await numberOf(server, id)}`)
    await page.getByRole('button', { name: 'Pause' }).dblclick()
    await page.locator('.status', { hasText: 'paused' }).waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.locator('.status', { hasText: 'running' }).waitFor()
    await cancel(server, id)
    const controls: string[] = []
    for await (const { data } of server.subscribe(
      'subscription ($id: ID!) { trainingRunEvents(id: $id) { ... on ControlApplied { control } } }',
      { id },
    )) {
      if (data.trainingRunEvents.control !== undefined) controls.push(data.trainingRunEvents.control)
    }
    expect(controls).toEqual(['PAUSE', 'RESUME', 'CANCEL'])
  })

  test('what was zoomed into stands still while the run grows, and Follow leads back to its end', async () => {
    const id = await startRun(server, LONG)
    await waitForEvent(server, id, (event) =>
      (event.points ?? []).some(({ step }: { step: number }) => step >= 20),
    )
    const url = `${server.url}/runs/${await numberOf(server, id)}`
    await page.goto(`${url}?from=5&to=15`)
    await lossOf(page).waitFor()
    await expect
      .poll(async () => [...(await plotted(page)).keys()].sort((a, b) => a - b))
      .toEqual(Array.from({ length: 11 }, (_, i) => i + 5))
    await waitForEvent(server, id, (event) =>
      (event.points ?? []).some(({ step }: { step: number }) => step >= 40),
    )
    expect((await plotted(page)).size).toBe(11)
    expect(page.url()).toBe(`${url}?from=5&to=15`)
    await page.getByRole('button', { name: 'Follow' }).click()
    await expect.poll(async () => (await plotted(page)).has(40)).toBe(true)
    expect(page.url()).toBe(url)
    await cancel(server, id)
  })

  test('a copied address shows the same in another browser: axes, smoothing, range', async () => {
    const address = `${server.url}/runs/2?x=epoch&y=log&smooth=20`
    const other = await browser.visit(server.url)
    await other.page.goto(address)
    await lossOf(other.page).waitFor()
    expect(await other.page.getByRole('combobox', { name: /^Over/ }).inputValue()).toBe('epoch')
    expect(await other.page.getByRole('combobox', { name: /^Smooth/ }).inputValue()).toBe('20')
    expect(await other.page.getByRole('button', { name: 'log' }).getAttribute('aria-pressed')).toBe('true')
    await other.page.locator('.legend', { hasText: 'smoothed' }).first().waitFor()
    await other.context.close()
  })

  test('a run that diverges shows where, in which layer, and the page goes on', async () => {
    const id = await startRun(server, {
      learningRate: 10,
      optimizer: { sgd: { weightDecay: 1 } },
      epochs: 9,
      trainLimit: 512,
    })
    await waitForEvent(server, id, (event) => event.status === 'FAILED')
    await page.goto(`${server.url}/runs/${await numberOf(server, id)}`)
    const why = page.locator('.error', { hasText: /loss not finite/i })
    await why.waitFor()
    expect(await why.textContent()).toMatch(/step \d+/)
    await page.locator('.gap').first().waitFor()
    await page.getByRole('button', { name: 'log' }).click()
    await lossOf(page).waitFor()
  })

  test('a trainer that was killed leaves a mark, and the curve is the effective one', async () => {
    // Before its first checkpoint: it goes on from its very beginning, before the first point of the curve.
    const id = await startRun(server, { ...LONG, epochs: 1, trainLimit: 2048 })
    const number = await numberOf(server, id)
    await page.goto(`${server.url}/runs/${number}`)
    await waitForEvent(server, id, (event) =>
      (event.points ?? []).some(({ step }: { step: number }) => step >= 3),
    )
    const { trainer } = await server.logged((line) => line.msg === 'trainer started' && line.run === number)
    process.kill(trainer as number, 'SIGKILL')
    await page.getByRole('button', { name: /attempt 2 goes on from step 0: trainer died/ }).waitFor()
    await waitForEvent(server, id, (event) => event.status === 'COMPLETED')
    await page.locator('.status', { hasText: 'completed' }).waitFor()
    const losses = await lossesOf(server, id)
    await expect.poll(() => plotted(page)).toEqual(losses)
  })

  test('the server dies and is there again: a banner says so, then the curve is whole', async () => {
    const port = new URL(server.url).port
    const id = await startRun(server, { ...LONG, epochs: 6, checkpoints: { everySteps: 5 } })
    await page.goto(`${server.url}/runs/${await numberOf(server, id)}`)
    await waitForEvent(server, id, (event) =>
      (event.points ?? []).some(({ step }: { step: number }) => step >= 10),
    )
    await lossOf(page).waitFor()
    browser.expectDisconnection()
    await server.stop('SIGKILL')
    await page.getByText('The server does not answer.').waitFor()
    server = await startServer({ dataset: 'cifar10', dataDir: server.dataDir, env: { PORT: port } })
    await page.getByText('The server does not answer.').waitFor({ state: 'detached' })
    await waitForEvent(server, id, (event) => event.status === 'COMPLETED')
    await page.locator('.status', { hasText: 'completed' }).waitFor()
    const losses = await lossesOf(server, id)
    await expect.poll(() => plotted(page)).toEqual(losses)
  })

  test('a page that was frozen is complete when it is seen again', async () => {
    const id = await startRun(server, { ...LONG, epochs: 6 })
    await page.goto(`${server.url}/runs/${await numberOf(server, id)}`)
    await lossOf(page).waitFor()
    const cdp = await context.newCDPSession(page)
    await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
    await waitForEvent(server, id, (event) => event.status === 'COMPLETED')
    await cdp.send('Page.setWebLifecycleState', { state: 'active' })
    await page.locator('.status', { hasText: 'completed' }).waitFor()
    const losses = await lossesOf(server, id)
    await expect.poll(() => plotted(page)).toEqual(losses)
  })

  test('where the data set is missing, the page of the first run shows how far its fetch is', async () => {
    const registry = await openStallingRegistry()
    const empty = await startServer({ dataset: false, env: registry.env })
    const { context: other, page: visitor } = await browser.visit(empty.url)
    await other.addInitScript(AXE)
    await visitor.goto(empty.url)
    await visitor.getByText('Downloads 133 MiB first.').waitFor()
    await visitor.getByRole('button', { name: 'Train vgg_mini now' }).click()
    await visitor.getByRole('progressbar', { name: 'Progress of cifar10' }).waitFor()
    await visitor.getByText(/^downloading: \d+ MiB of 133 MiB$/).waitFor()
    expect(await violations(visitor)).toEqual([])
    await visitor.goto(`${empty.url}/data/cifar10`)
    await visitor.getByText(/^downloading: \d+ MiB of 133 MiB$/).waitFor()
    expect(await violations(visitor)).toEqual([])
    await other.close()
    await empty.stop()
    registry.close()
  })

  test('it asked nobody but its server, by a policy without inline script, and its console is clean', async () => {
    const response = await fetch(server.url)
    expect(response.headers.get('content-security-policy')).toMatch(
      /default-src 'none'; script-src 'self'; style-src 'self';/,
    )
    expect(browser.elsewhere).toEqual([])
    expect(browser.problems).toEqual([])
  })
})
