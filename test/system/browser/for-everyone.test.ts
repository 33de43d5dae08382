import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quadrants } from '../../support/images.ts'
import { SET_ALIAS } from '../../support/models.ts'
import { cancelRuns, completeRun, isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { AXE, sidewaysScroll, violations, withoutVisibleFocus } from './accessibility.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const LONG = { epochs: 1000, trainLimit: 256, testLimit: 32, batchSize: 16, logEvery: 1, seed: 7 }

/** A page, and what is on it when all of it is there. */
type Shown = readonly [path: string, text: string | RegExp]

const EMPTY: readonly Shown[] = [
  ['/', 'Train vgg_mini now'],
  ['/runs', 'Start the first one'],
  ['/runs/999', 'There is no run #999.'],
  ['/compare', 'There is no other run yet.'],
  ['/models', 'Train the first one'],
  ['/models/none', 'There is no model none.'],
  ['/predict', 'Train the first one'],
  ['/data/none', 'There is no data set none.'],
]

const LIVE: readonly Shown[] = [
  ['/', 'Show one a picture'],
  ['/runs?sel=1,2', 'Compare 2'],
  ['/runs/4', 'Test acc.'],
  ['/compare?runs=2,4', 'What differs'],
  ['/system', 'Machine and server'],
]

const ENDED: readonly Shown[] = [
  ['/runs/2', 'Surest mistakes'],
  ['/runs/3', /loss not finite/],
  ['/new', /^about|not known yet/],
  ['/new?from=2', 'its checkpoint at step 20'],
  ['/models', 'Import weights'],
  ['/models/vgg_mini', 'champion'],
  ['/models/vgg_mini/1', 'A tile for each filter'],
  ['/networks', 'vgg19_bn'],
  ['/networks/vgg16', 'What takes how much memory'],
  ['/networks/new', 'What takes how much memory'],
  ['/predict?seed=3', 'What the network saw'],
  ['/data', 'Training images'],
  ['/data/cifar10', 'Show some test pictures'],
]

/** Lets pass what comes by, but between `begin` and `end`: that waits for the end. */
function hold() {
  let held = Promise.resolve()
  let end = () => {}
  return {
    begin() {
      held = new Promise((resolve) => {
        end = resolve
      })
    },
    end: () => end(),
    released: () => held,
  }
}

/** The names of the pages that a test checks. */
const named = (pages: readonly Shown[]) => pages.map(([path, text]) => ({ path, text }))

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('the dashboard for everyone (apt-get install chromium)', () => {
  let server: TestServer
  let browser: OpenedBrowser
  let page: Page
  beforeAll(async () => {
    browser = await browserOf!()
    server = await startServer({ dataset: 'cifar10' })
    ;({ page } = await browser.visit(server.url))
    await page.addInitScript(AXE)
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
  })

  const open = async (path: string, text: string | RegExp) => {
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto(`${server.url}${path}`)
    await page.getByText(text).first().waitFor({ state: 'attached' })
  }

  /**
   * A page for whoever uses keys, a screen reader, a large print or a phone. What theme and width decide is asked again in
   * each of them, the structure once.
   */
  const isForEveryone = async (path: string, text: string | RegExp) => {
    await open(path, text)
    expect(await violations(page)).toEqual([])
    expect(await withoutVisibleFocus(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await violations(page, ['color-contrast', 'link-in-text-block'])).toEqual([])
    // Half of 1280 pixels is what is left at a zoom of 200 %.
    for (const width of [640, 360]) {
      await page.setViewportSize({ width, height: 900 })
      expect(await sidewaysScroll(page), `sideways scroll at ${width} pixels`).toBe(0)
    }
    expect(await violations(page, ['target-size', 'scrollable-region-focusable'])).toEqual([])
  }

  describe('of an empty zoo', () => {
    test.each(named(EMPTY))('$path violates nothing', ({ path, text }) => isForEveryone(path, text))
  })

  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement
      return element?.getAttribute('aria-label') ?? element?.textContent?.trim()
    })

  /** Goes on by Tab to what has a name. */
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 100; presses++) {
      await page.keyboard.press('Tab')
      if ((await focused()) === name) return
    }
    throw new Error(`Tab does not lead to "${name}".`)
  }

  test('a first network is trained, paused and cancelled by keys alone', async () => {
    await open('/', 'Train vgg_mini now')
    await tabTo('Skip to the page')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Train vgg_mini now')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: '#1 My first network' }).waitFor()
    expect(page.url()).toBe(`${server.url}/runs/1`)
    await tabTo('Pause')
    await page.keyboard.press('Enter')
    await page.locator('.status', { hasText: 'paused' }).waitFor()
    await expect.poll(focused).toBe('Resume')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Cancel')
    page.once('dialog', (dialog) => void dialog.accept())
    await page.keyboard.press('Enter')
    await page.locator('.status', { hasText: 'cancelled' }).waitFor()
    await expect.poll(focused).toBe('Fork')
  })

  describe('with runs of every kind', () => {
    beforeAll(async () => {
      const id = await completeRun(server, {
        name: 'steady',
        epochs: 5,
        pinned: [{ index: 0 }, { index: 1 }],
      })
      const { trainingRun } = await server.query(
        'query ($id: ID!) { trainingRun(id: $id) { modelVersions { id } } }',
        { id },
      )
      const versionId = trainingRun.modelVersions[0].id
      await server.query(SET_ALIAS, { input: { name: 'champion', versionId } })
      const diverging = { name: 'far too fast', epochs: 9, trainLimit: 512 }
      const failed = await startRun(server, {
        ...diverging,
        learningRate: 10,
        optimizer: { sgd: { weightDecay: 1 } },
      })
      await waitForEvent(server, failed, isStatus('FAILED'))
      const endless = await startRun(server, { ...LONG, name: 'without end' })
      await waitForEvent(server, endless, (event) => event.__typename === 'EpochEnded')
      await startRun(server, { name: 'next' })
      await startRun(server, { ...LONG, name: 'after it', architecture: 'vgg16_cifar' })
    })

    test.each(named(LIVE))('$path violates nothing while a run trains', ({ path, text }) =>
      isForEveryone(path, text),
    )

    test('nothing moves for whoever wants no motion', async () => {
      await page.emulateMedia({ reducedMotion: 'reduce' })
      await page.goto(server.url)
      const running = page.locator('.status.RUNNING')
      await running.waitFor()
      const movements = () => page.evaluate(() => document.getAnimations().length)
      expect(await movements()).toBe(0)
      await page.emulateMedia({ reducedMotion: 'no-preference' })
      await expect.poll(movements).toBeGreaterThan(0)
    })

    test('the queue is put in another order by its buttons, and the focus stays with the run', async () => {
      await open('/', 'after it')
      const order = async () =>
        page.locator('section', { hasText: 'Queue (2)' }).locator('th[scope="row"]').allInnerTexts()
      expect(await order()).toEqual(['#5 next', '#6 after it'])
      await tabTo('Move #6 up')
      await page.keyboard.press('Enter')
      await expect.poll(order).toEqual(['#6 after it', '#5 next'])
      // It is the first now and cannot go further up.
      await expect.poll(focused).toBe('Move #6 down')
    })

    test('the focus stays with the controls of a run, whatever it does before it does what was asked', async () => {
      const { page, context } = await browser.visit(server.url)
      const asking = hold()
      const events = hold()
      await page.route('**/graphql', async (route) => {
        if (route.request().postData()?.includes('pauseTrainingRun')) await asking.released()
        await route.fallback()
      })
      await page.routeWebSocket('**/graphql', (socket) => {
        const toServer = socket.connectToServer()
        toServer.onMessage(async (message) => {
          await events.released()
          socket.send(message)
        })
      })
      await page.goto(`${server.url}/runs/6`)
      asking.begin()
      await page.getByRole('button', { name: 'Pause' }).press('Enter')
      const asked = page.getByText('asked', { exact: true })
      await asked.waitFor()
      const { trainingRun } = await server.query('{ trainingRun(number: 4) { id } }')
      await server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', trainingRun)
      await page.locator('.status', { hasText: 'running' }).waitFor()
      events.begin()
      asking.end()
      await asked.waitFor({ state: 'detached' })
      events.end()
      await page.locator('.status', { hasText: 'paused' }).waitFor()
      await page.locator('button:focus', { hasText: 'Resume' }).waitFor()
      await context.close()
    })

    describe('that have ended', () => {
      beforeAll(() => cancelRuns(server))

      test.each(named(ENDED))('$path violates nothing', ({ path, text }) => isForEveryone(path, text))

      test('a run is found, others are gone through by j and k, chosen by x, and compared by c', async () => {
        await open('/runs', 'far too fast')
        await page.keyboard.press('/')
        await page.keyboard.type('steady')
        const rows = page.locator('table.runs th[scope="row"] a')
        await expect.poll(() => rows.allInnerTexts()).toEqual(['#2 steady'])
        await page.keyboard.press('ControlOrMeta+A')
        await page.keyboard.press('Delete')
        await rows.nth(5).waitFor()
        await page.keyboard.press('Enter')
        for (const key of ['j', 'j', 'j', 'k', 'x', 'j', 'j']) await page.keyboard.press(key)
        expect(await focused()).toBe('#3 far too fast')
        for (const key of ['j', 'x']) await page.keyboard.press(key)
        await page.getByRole('link', { name: 'Compare 2' }).waitFor()
        expect(new URL(page.url()).searchParams.get('sel')).toBe('5,2')
        await page.keyboard.press('c')
        await page.waitForURL(/\/compare\?runs=5,2$/)
        await page.getByText('What differs').waitFor()
      })

      test('from a finished run links lead to its confusion matrix, and to pictures for its network', async () => {
        await open('/runs/2', 'Surest mistakes')
        const matrix = page.getByRole('heading', { name: 'Confusion matrix' })
        const top = async () => (await matrix.boundingBox())!.y
        expect(await top()).toBeGreaterThan(900)
        await page.getByRole('link', { name: 'Confusion matrix' }).click()
        await expect.poll(top).toBeLessThan(200)
        await page.getByRole('link', { name: 'Show it a picture' }).first().click()
        await page.getByText('Drop pictures here').waitFor()
        await expect.poll(() => page.getByLabel('Version', { exact: true }).inputValue()).toBe('1')
      })

      test('arrows move along a chart, ten points at a time with Shift, and it says where', async () => {
        await open('/runs/2', 'Surest mistakes')
        await page.getByRole('img', { name: /^Loss of run 2/ }).focus()
        const figure = page.getByRole('figure', { name: /^Loss of run 2/ })
        for (const [key, step] of [
          ['ArrowLeft', 19],
          ['Shift+ArrowLeft', 9],
          ['ArrowRight', 10],
          ['Home', 1],
          ['End', 20],
          ['Shift+ArrowLeft', 10],
        ] as const) {
          await page.keyboard.press(key)
          await figure.locator('.legend').getByText(`step ${step}`, { exact: true }).waitFor()
        }
        // Where one rests is said, not where one only came by.
        await figure
          .getByRole('status')
          .filter({ hasText: /^step 10: training loss [\d.]+, test loss/ })
          .waitFor()
      })

      test('colours of the reader hide neither what is pressed nor how long a bar is', async () => {
        await page.emulateMedia({ forcedColors: 'active' })
        await open('/runs?status=COMPLETED', 'steady')
        const groundOf = (selector: string) =>
          page
            .locator(selector)
            .first()
            .evaluate((element) => getComputedStyle(element).backgroundColor)
        expect(await groundOf('.chip[aria-pressed="true"]')).not.toBe(
          await groundOf('.chip[aria-pressed="false"]'),
        )
        await open('/predict?seed=3', 'What the network saw')
        await page.locator('.bar').first().waitFor()
        expect(await groundOf('.bar')).not.toBe(await groundOf('body'))
        await page.emulateMedia({ forcedColors: 'none' })
      })
    })
  })

  describe('shows pictures to a network', () => {
    const picture = async (name: string, mimeType = 'image/png') => ({
      name,
      mimeType,
      buffer: await quadrants().png().toBuffer(),
    })
    const NOTE = { name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }
    const card = (name: string) => page.getByRole('listitem').filter({ hasText: name })
    const isAnswered = async (name: string) => {
      await card(name).getByText('by vgg_mini version 1').waitFor()
      expect(await card(name).locator('dt').allInnerTexts()).toHaveLength(10)
    }
    beforeAll(() => open('/predict', 'Show it a picture'))

    test('one that is chosen gets its ten classes, the likeliest first', async () => {
      const choosing = page.waitForEvent('filechooser')
      await page.getByText('Drop pictures here, paste them, or choose files').click()
      await (await choosing).setFiles(await picture('chosen.png'))
      await isAnswered('chosen.png')
      const shares = await card('chosen.png').locator('dd:nth-child(3n)').allInnerTexts()
      const numbers = shares.map((text) => Number.parseFloat(text))
      expect(numbers).toEqual(numbers.toSorted((one, other) => other - one))
      expect(numbers.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0)
    })

    test('of several at once, each gets an answer of its own; what is no picture is refused beside it', async () => {
      await page
        .locator('input[type="file"]')
        .setInputFiles([await picture('one.png'), NOTE, await picture('other.png')])
      await isAnswered('one.png')
      await isAnswered('other.png')
      const refused = await card('note.txt').locator('.error').textContent()
      expect(refused).toMatch(/^Refused: .*\. .*(picture|image)/)
      expect(await card('note.txt').locator('dt').count()).toBe(0)
      expect(await violations(page)).toEqual([])
    })

    test.each(['paste', 'drop'] as const)('what comes by %s is shown, too', async (way) => {
      const bytes = [...(await picture('')).buffer]
      await page.evaluate(
        ({ way, bytes }) => {
          const data = new DataTransfer()
          data.items.add(new File([Uint8Array.from(bytes)], `${way}.png`, { type: 'image/png' }))
          const init = { bubbles: true, cancelable: true }
          document.body.dispatchEvent(
            way === 'paste'
              ? new ClipboardEvent('paste', { ...init, clipboardData: data })
              : new DragEvent('drop', { ...init, dataTransfer: data }),
          )
        },
        { way, bytes },
      )
      await isAnswered(`${way}.png`)
    })

    test.each([
      ['/system', 'vgg_mini 1', 'Predictions by model version'],
      ['/models/vgg_mini/1', 'The whole', 'What the time goes into'],
    ])('%s tells how long that took, and violates nothing', async (path, text, table) => {
      await isForEveryone(path, text)
      const figures = page.getByRole('region', { name: table }).locator('td.number')
      expect(await figures.filter({ hasText: /^[\d.]+ m?s$/ }).count()).toBeGreaterThanOrEqual(3)
    })
  })

  test('no page wrote an error to its console, or asked anybody else', () => {
    expect(browser.problems).toEqual([])
    expect(browser.elsewhere).toEqual([])
  })
})
