/** What is left in a page of an hour, and of many ways through the pages. */
import type { Page } from 'playwright-core'
import type { MeasuredBrowser, MeasuredPage } from './browser.ts'
import { heading, judge, note } from './budget.ts'
import { type BenchServer, withServer } from './server.ts'
import { startRun } from './training-runs.ts'

/** A minute is an hour, for the trainer and for what the page does at most so often: all that happens happens as often. */
const PACE = 60
const HOUR_S = 3600
/** A point a second, an epoch every two minutes. */
const RUN = { architecture: 'vgg_mini', epochs: 1000, trainLimit: 15_360, batchSize: 128, logEvery: 1 }
/** Until the curve has as many points as it ever has, and the pages' code is there. */
const WARM_UP_STEPS = 600
const NAVIGATIONS = 100
const PAGES = [
  '/',
  '/runs',
  '/runs/1',
  '/new',
  '/models',
  '/networks',
  '/networks/vgg16',
  '/data',
  '/data/cifar10',
  '/system',
]

const HEAP_MB = 5

export function measureHour(browser: MeasuredBrowser): Promise<void> {
  return withRun((server) => hour(browser, server))
}

export function measureNavigations(browser: MeasuredBrowser): Promise<void> {
  return withRun((server) => navigations(browser, server))
}

function withRun(work: (server: BenchServer) => Promise<void>): Promise<void> {
  const rehearsal = { imagesPerSecond: RUN.batchSize, pace: PACE }
  return withServer({ dataset: true, rehearsal }, async (server) => {
    await startRun(server, RUN)
    await work(server)
  })
}

async function hour(browser: MeasuredBrowser, server: BenchServer): Promise<void> {
  const opened = await browser.open()
  const { page } = opened
  await page.addInitScript(hasten, PACE)
  await page.goto(`${server.url}/runs/1`)
  await drawnTo(page, WARM_UP_STEPS)
  const before = await heap(opened)
  await drawnTo(page, WARM_UP_STEPS + HOUR_S)
  const draws = await page.evaluate(() => watch.draws.length)
  const after = await heap(opened)
  heading('An hour of a run that logs a point a second, sixty times as fast')
  note('frames with something new on a chart', draws, '')
  await judgeGrowth(opened, before, after)
}

async function navigations(browser: MeasuredBrowser, server: BenchServer): Promise<void> {
  const opened = await browser.open()
  const { page } = opened
  await page.goto(`${server.url}${PAGES.at(-1)}`)
  for (const path of PAGES) await follow(page, path)
  const before = await heap(opened)
  for (let i = 0; i < NAVIGATIONS; i++) await follow(page, PAGES[i % PAGES.length]!)
  const after = await heap(opened)
  heading(`${NAVIGATIONS} ways from page to page, while the run goes on`)
  await judgeGrowth(opened, before, after)
}

async function judgeGrowth(
  { sockets, problems, close }: MeasuredPage,
  before: Heap,
  after: Heap,
): Promise<void> {
  judge('the heap grew by', (after.bytes - before.bytes) / 1e6, HEAP_MB, 'MB')
  note('from', before.bytes / 1e6, 'MB')
  note('nodes that came', after.nodes - before.nodes, '')
  note('listeners that came', after.listeners - before.listeners, '')
  judge('sockets that were opened', sockets.opened, 1, '')
  for (const problem of problems) console.log(`  ${problem}`)
  if (problems.length > 0) process.exitCode = 1
  await close()
}

interface Heap {
  bytes: number
  nodes: number
  listeners: number
}

/** After a collection, and without what this bench keeps there. */
async function heap({ page, metrics }: MeasuredPage): Promise<Heap> {
  await page.evaluate(() => {
    watch.draws.length = 0
    watch.longTasks.length = 0
  })
  const { JSHeapUsedSize, Nodes, JSEventListeners } = await metrics(true)
  return { bytes: JSHeapUsedSize!, nodes: Nodes!, listeners: JSEventListeners! }
}

async function drawnTo(page: Page, step: number): Promise<void> {
  const isThere = (step: number) =>
    (watch.draws.findLast(({ label }) => label.startsWith('Loss'))?.place ?? 0) >= step
  await page.waitForFunction(isThere, step, { timeout: 0, polling: 500 })
}

/** By a link, as a person goes: the page stays, what it shows is another. */
async function follow(page: Page, path: string): Promise<void> {
  await page.evaluate((path) => {
    document.querySelector('h1')?.setAttribute('data-before', '')
    const link = document.createElement('a')
    link.href = path
    document.body.append(link)
    link.click()
    link.remove()
  }, path)
  // Not waitForSelector: what it answers keeps the element, and with it the page that is left.
  await page.waitForFunction(() => document.querySelector('h1:not([data-before])') !== null)
}

/**
 * Runs in the page before its own scripts: timers below a second go so many times as fast, which are those that it
 * draws by. The longer ones are patience with the server, which answers as fast as ever.
 */
function hasten(pace: number): void {
  const { setTimeout, setInterval } = globalThis
  Object.assign(globalThis, {
    setTimeout: (action: () => void, ms = 0) => setTimeout(action, ms < 1000 ? ms / pace : ms),
    setInterval: (action: () => void, ms = 0) => setInterval(action, ms < 1000 ? ms / pace : ms),
  })
}
