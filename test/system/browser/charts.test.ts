import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

/* The charts of one run that was paused, changed and killed on its way, and of one that diverged. */

const RUN = { epochs: 4, trainLimit: 240, testLimit: 60, batchSize: 16, seed: 7 }

const chart = (page: Page, name: RegExp) => page.getByRole('figure', { name })
const loss = (page: Page) => chart(page, /^(Loss of run|Training loss of the runs)/)

/** The places and values of a chart's table: all of its points, the first curve's. */
async function tableOf(page: Page, name = /^(Loss of run|Training loss of the runs)/): Promise<string[][]> {
  const table = chart(page, name).locator('details.as-table')
  if ((await table.getAttribute('open')) === null) await table.locator('summary').click()
  await table.locator('tbody tr').first().waitFor()
  return table
    .locator('tbody tr')
    .evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')))
}

async function saved(page: Page, button: 'CSV' | 'PNG'): Promise<{ name: string; bytes: Buffer }> {
  const download = page.waitForEvent('download')
  await loss(page).getByRole('button', { name: button }).click()
  const file = await download
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) }
}

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('the charts in a browser (apt-get install chromium)', () => {
  let server: TestServer
  let browser: OpenedBrowser
  let page: Page
  let id: string
  const control = (name: string, more = '') =>
    server.query(`mutation ($id: ID!) { ${name}TrainingRun(id: $id${more}) { __typename } }`, { id })
  const trained = (step: number) =>
    waitForEvent(server, id, (event) =>
      (event.points ?? []).some((point: { step: number }) => point.step >= step),
    )

  beforeAll(async () => {
    browser = await browserOf!()
    server = await startServer()
    ;({ page } = await browser.visit(server.url, { acceptDownloads: true }))
    id = await startRun(server, { ...RUN, name: 'through it all', checkpoints: { everySteps: 10 } })
    await trained(12)
    await control('pause')
    await control('resume')
    await waitForEvent(server, id, (event) => isStatus('RUNNING')(event) && event.attempt === 2)
    await control('update', ', input: { learningRate: 0.02 }')
    await trained(25)
    const { trainer } = await server.logged(
      (line) => line.msg === 'trainer started' && line.run === 1 && line.attempt === 2,
    )
    process.kill(trainer as number, 'SIGKILL')
    await waitForEvent(server, id, isStatus('COMPLETED'))
    const diverges = await startRun(server, {
      ...RUN,
      name: 'diverges',
      learningRate: 10,
      schedule: { constant: true },
      optimizer: { sgd: { weightDecay: 1 } },
    })
    await waitForEvent(server, diverges, isStatus('FAILED'))
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
  })

  test('what happened stands above the curve, and is said to who goes there by the arrow keys', async () => {
    await page.goto(`${server.url}/runs/1?x=clock`)
    const marks = page.getByRole('toolbar', { name: 'Marks of Loss of run 1' }).getByRole('button')
    await marks.first().waitFor()
    const said = (await marks.evaluateAll((all) => all.map((one) => one.getAttribute('aria-label')))).join(
      '; ',
    )
    expect(said).toMatch(/paused at step \d+/)
    expect(said).toMatch(/attempt 2 goes on from step \d+: it was paused/)
    expect(said).toMatch(/from step \d+: learning rate/)
    expect(said).toMatch(/attempt 3 goes on from step \d+: trainer died/)
    await marks.first().focus()
    await page.keyboard.press('End')
    const last = marks.last()
    expect(await last.evaluate((one) => one === document.activeElement)).toBe(true)
    expect(await page.locator('.mark-text').textContent()).toBe(await last.getAttribute('aria-label'))
    await page.locator('.legend', { hasText: 'replaced, of attempt 2' }).waitFor()
  })

  test.each(['time', 'clock'])(
    'over %s a range that is zoomed into by keys is the same in each chart, in the address, and in a copied link',
    async (axis) => {
      await page.goto(`${server.url}/runs/1?x=${axis}`)
      // They come last, and have rows of their own.
      await loss(page).locator('.legend', { hasText: 'replaced, of attempt 2' }).waitFor()
      const all = await tableOf(page)
      const picture = loss(page).getByRole('img')
      await picture.focus()
      await page.keyboard.press('Home')
      await page.keyboard.press('+')
      await page.waitForURL(/from=[^&]+&to=/)
      await page.getByRole('button', { name: 'Follow' }).waitFor()
      await expect.poll(async () => (await tableOf(page)).length).toBeLessThan(all.length)
      const places = async (name: RegExp) =>
        (await tableOf(page, name)).filter(([, value]) => value !== '–').map(([place]) => place!)
      await expect
        .poll(async () => isDeepStrictEqual(await places(/^Loss/), await places(/^Learning rate/)))
        .toBe(true)
      // The cursor of one is that of all.
      const first = (await places(/^Learning rate/)).at(-1)!
      await chart(page, /^Learning rate/)
        .getByRole('img')
        .press('Home')
      for (const name of [/^Loss/, /^Learning rate/]) {
        const legend = chart(page, name).locator('.legend > span').first()
        await expect.poll(() => legend.textContent()).toContain(first)
      }
      const other = await browser.visit(server.url)
      await other.page.goto(page.url())
      expect(await other.page.getByRole('combobox', { name: /^Over/ }).inputValue()).toBe(axis)
      await expect
        .poll(async () => isDeepStrictEqual(await tableOf(other.page), await tableOf(page)))
        .toBe(true)
      await other.context.close()
      await picture.focus()
      await page.keyboard.press('0')
      await expect.poll(async () => (await tableOf(page)).length).toBe(all.length)
    },
  )

  test('CSV has every point of every attempt, and PNG is twice as fine', async () => {
    const { trainingRun } = await server.query(
      'query ($id: ID!) { trainingRun(id: $id) { losses(view: RAW) { step attempt loss } } }',
      { id },
    )
    const { name, bytes } = await saved(page, 'CSV')
    expect(name).toBe('loss-of-run-1.csv')
    const [head, ...rows] = bytes.toString().trim().split('\r\n')
    const columns = head!.split(',')
    const points = rows.map((row) => Object.fromEntries(row.split(',').map((cell, i) => [columns[i], cell])))
    expect(points.map(({ step, attempt, loss }) => [Number(step), Number(attempt), Number(loss)])).toEqual(
      trainingRun.losses.map((it: { step: number; attempt: number; loss: number }) => [
        it.step,
        it.attempt,
        it.loss,
      ]),
    )
    expect(points.some(({ counts }) => counts === 'false')).toBe(true)
    const seconds = points
      .filter(({ counts }) => counts === 'true')
      .map((point) => Number(point.training_seconds))
    expect(seconds).toEqual(seconds.toSorted((one, other) => one - other))
    const { width, height } = await sharp((await saved(page, 'PNG')).bytes).metadata()
    expect({ width, height }).toEqual({ width: 2400, height: 1200 })
  })

  test('a training that is not finite any more is a triangle that says the step and the layer', async () => {
    await page.goto(`${server.url}/runs/2`)
    const gap = loss(page).locator('.legend .gap')
    expect(await gap.textContent()).toMatch(
      /^▲ step \d+.* (not finite|the loss is \S+), first in layer \w+\.\d+$/,
    )
  })

  test('a cell of the confusion matrix shows its mistakes, by keys, in the address, and beside other runs', async () => {
    const { trainingRun } = await server.query(
      'query ($id: ID!) { trainingRun(id: $id) { dataset { classes } evaluation { confusionMatrix } } }',
      { id },
    )
    const { classes } = trainingRun.dataset
    const counts: number[][] = trainingRun.evaluation.confusionMatrix
    await page.goto(`${server.url}/runs/1`)
    const first = page.getByRole('button', { name: `${classes[0]} taken for ${classes[1]}` })
    await first.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await page.waitForURL(/label=red\+disc&predicted=blue\+triangle/)
    const section = page.getByRole('region', { name: `${classes[0]} taken for ${classes[2]}` })
    await section.getByText(`${counts[0]![2]} of ${classes[0]}, taken for ${classes[2]}`).waitFor()
    await expect.poll(() => section.locator('img').count()).toBe(Math.min(24, counts[0]![2]!))
    await page.goto(`${server.url}/compare?runs=1,2&label=red+disc&predicted=blue+triangle`)
    await section.waitFor()
  })

  test('runs are compared over each axis, and each panel shows a query that the server answers', async () => {
    for (const axis of ['step', 'images', 'time', 'clock']) {
      await page.goto(`${server.url}/compare?runs=1,2&axis=${axis}`)
      await loss(page).waitFor()
      expect(await page.getByRole('combobox', { name: /^Over/ }).inputValue()).toBe(axis)
      expect((await tableOf(page)).length, axis).toBeGreaterThan(10)
    }
    for (const path of ['/compare?runs=1,2', '/runs/1', '/data/tiny', '/system']) {
      await page.goto(`${server.url}${path}`)
      await page.locator('section.panel h2').first().waitFor()
      const links = await page
        .locator('section.panel')
        .evaluateAll((all) =>
          all.map((one) => one.querySelector('a[href^="/graphql?"]')?.getAttribute('href')),
        )
      expect(links, path).not.toContain(undefined)
      for (const link of links) {
        const { searchParams } = new URL(link!, server.url)
        const query = searchParams.get('query')!
        const variables = JSON.parse(searchParams.get('variables') ?? '{}')
        if (query.startsWith('query')) await server.query(query, variables)
      }
    }
  })

  test('the data set says how many images are of each class', async () => {
    await page.goto(`${server.url}/data/tiny`)
    const row = page.getByRole('row', { name: /^red disc/ })
    await row.waitFor()
    expect(await row.getByRole('cell').allTextContents()).toEqual(['80', '20'])
  })

  test('a picture shows what speaks for each class, and which training pictures are like it', async () => {
    await page.goto(`${server.url}/predict?model=vgg_mini&seed=3`)
    const card = page
      .getByRole('listitem')
      .filter({ hasText: /^Test picture/ })
      .first()
    // Grad-CAM may find nothing for two of them, which looks the same.
    await card.getByLabel('Why').selectOption({ label: 'pixels that matter (gradient)' })
    const maps: (string | null)[] = []
    for (const label of ['red disc', 'green square', 'blue triangle']) {
      await card.getByRole('combobox', { name: 'for', exact: true }).selectOption(label)
      const map = card.getByRole('img', { name: `Heat map of what speaks for ${label}` })
      maps.push(await map.getAttribute('src'))
    }
    expect(new Set(maps).size).toBe(3)
    for (const map of maps) expect(map).toMatch(/^data:image\/png;base64,/)
    await card.getByLabel('Training pictures like it').check()
    await card.getByText('nearest first').waitFor()
    const distances = await card.locator('.alike .muted').allInnerTexts()
    expect(distances).toHaveLength(8)
    expect(distances).toEqual(distances.toSorted((one, other) => Number(one) - Number(other)))
  })

  test('nothing was asked elsewhere, and the console is clean', () => {
    expect(browser.elsewhere).toEqual([])
    expect(browser.problems).toEqual([])
  })
})
