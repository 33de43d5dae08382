/** How soon pages show what is there, and what happens. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openDatabase } from '../../src/db/client.ts'
import type { MeasuredBrowser, MeasuredPage } from './browser.ts'
import { heading, judge, note } from './budget.ts'
import { createEndedRuns } from './ended-runs.ts'
import { createRun } from './history-run.ts'
import type { PageWatch } from './page-watch.ts'
import { type BenchServer, type Data, withServer } from './server.ts'
import { median, quantile } from './statistics.ts'
import { startRun } from './training-runs.ts'

const RUNS = 200
/** Each by a person who was never here, and then comes again; before them one who warms the server up. */
const VISITS = 7
const WATCH_MS = 15_000

const LONG_RUN_MS = 500
const TABLE_MS = 300
const TABLE_NODES = 1500
const POINT_MS = 250
const CHART_HZ = 10

/** Small steps: as many points as a chart has to show in a second. */
const BUSY = {
  architecture: 'vgg_mini',
  epochs: 1000,
  batchSize: 16,
  trainLimit: 3200,
  testLimit: 100,
  logEvery: 1,
}

export async function measureDisplay(browser: MeasuredBrowser, steps: number): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const database = await openDatabase({ folder: join(dataDir, 'database') })
    const at = (part: number) => Math.round(steps * part)
    await createEndedRuns(database.prisma, RUNS - 1)
    await createRun(database.prisma, [
      { from: 0, to: at(0.7) },
      { from: at(0.650321), to: steps },
    ])
    await database.close()
    await withServer({ dataDir, dataset: true }, async (server) => {
      heading(
        `From a navigation to what it shows: ${RUNS} runs, the last one of ${steps.toLocaleString('en')} steps`,
      )
      await longRun(browser, server)
      await table(browser, server)
      heading('A run that trains, while it is watched')
      await points(browser, server)
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function longRun(browser: MeasuredBrowser, server: BenchServer): Promise<void> {
  const { first, later } = await visits(browser, async ({ page }) => {
    await page.goto(`${server.url}/runs/${RUNS}`)
    await page.waitForFunction(() => watch.coloured !== null)
    return page.evaluate(() => watch.coloured! - performance.timeOrigin)
  })
  judge('the curve of the longest, median', median(later), LONG_RUN_MS, 'ms')
  note('the slowest', Math.max(...later), 'ms')
  judge('  for who was never here, median', median(first), LONG_RUN_MS, 'ms')
}

async function table(browser: MeasuredBrowser, server: BenchServer): Promise<void> {
  const nodes: number[] = []
  const curves: number[] = []
  const { first, later } = await visits(browser, async ({ page, metrics }) => {
    await page.goto(`${server.url}/runs`)
    const rows = await paintedWhen(page, 'table.runs tbody tr th')
    curves.push(await paintedWhen(page, 'table.runs tbody tr svg.sparkline'))
    nodes.push((await metrics(true)).Nodes!)
    return rows
  })
  judge('the rows of the table, median', median(later), TABLE_MS, 'ms')
  note('the slowest', Math.max(...later), 'ms')
  judge('  for who was never here, median', median(first), TABLE_MS, 'ms')
  note('their sparklines, median', median(curves), 'ms')
  judge('nodes of the page, texts included', Math.max(...nodes), TABLE_NODES, '')
}

/** Milliseconds since the navigation when what is there first was painted. */
function paintedWhen(page: MeasuredPage['page'], selector: string): Promise<number> {
  return page.evaluate(
    (selector) =>
      new Promise<number>((resolve) => {
        const look = () => {
          if (document.querySelector(selector) === null) return requestAnimationFrame(look)
          const { port1, port2 } = new MessageChannel()
          port1.onmessage = () => resolve(performance.now())
          return port2.postMessage(null)
        }
        look()
      }),
    selector,
  )
}

async function points(browser: MeasuredBrowser, server: BenchServer): Promise<void> {
  const id = await startRun(server, BUSY)
  const { page, close } = await browser.open()
  await page.goto(`${server.url}/runs/${RUNS + 1}`)
  await page.waitForFunction(() => watch.coloured !== null)
  await setTimeout(WATCH_MS)
  const draws = (await page.evaluate(() => watch.draws)).filter(({ label }) =>
    label.startsWith('Loss of run'),
  )
  await server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', { id })
  await close()
  const delays = await delaysOf(server, id, draws)
  judge(
    `from a committed point to its pixel, the slowest of ${delays.length}`,
    Math.max(...delays),
    POINT_MS,
    'ms',
  )
  note('99 of 100 within', quantile(delays, 0.99), 'ms')
  note('median', median(delays), 'ms')
  const seconds = (draws.at(-1)!.at - draws[0]!.at) / 1000
  judge('frames a second of its chart', (draws.length - 1) / seconds, CHART_HZ, 'Hz')
}

/** Milliseconds from each point's commit until it was drawn, of those that came while the page was there. */
async function delaysOf(server: BenchServer, id: string, draws: PageWatch['draws']): Promise<number[]> {
  const committed: { step: number; at: number }[] = []
  for await (const { trainingRunEvents: event } of server.watch(EVENTS, { id })) take(event)
  function take(event: Data): void {
    for (const { step } of event.points ?? []) committed.push({ step, at: Date.parse(event.at) })
  }
  const [first, last] = [draws[0]!, draws.at(-1)!]
  return committed
    .filter(({ step }) => step > first.place && step <= last.place)
    .map(({ step, at }) => draws.find(({ place }) => place >= step)!.at - at)
}

const EVENTS = `subscription ($id: ID!) {
  trainingRunEvents(id: $id) { ... on LossPoints { at points { step } } }
}`

/** Milliseconds of first visits, and of those after them: a browser then has the scripts. */
async function visits(
  browser: MeasuredBrowser,
  visit: (page: MeasuredPage) => Promise<number>,
): Promise<{ first: number[]; later: number[] }> {
  const [first, later]: [number[], number[]] = [[], []]
  for (let i = 0; i <= VISITS; i++) {
    const opened = await browser.open()
    first.push(await visit(opened))
    await opened.page.goto('about:blank')
    later.push(await visit(opened))
    await opened.close()
  }
  return { first: first.slice(1), later: later.slice(1) }
}
