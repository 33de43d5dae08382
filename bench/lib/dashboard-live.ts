/** What pages cost that show many runs at work. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openDatabase } from '../../src/db/client.ts'
import type { MeasuredBrowser } from './browser.ts'
import { heading, judge, note } from './budget.ts'
import { createEndedRuns } from './ended-runs.ts'
import { type BenchServer, withServer } from './server.ts'
import { startRun } from './training-runs.ts'

const ENDED = 150
const LIVE = 50
const WATCH_MS = 10_000

const CORES = 0.25
const TASK_MS = 50
const CANVASES = 12
const CARD_HZ = 2
const CHART_HZ = 10
const NODES = 1500

const RUN = { architecture: 'vgg_mini', epochs: 1000, trainLimit: 12_800, logEvery: 1 }
/** Of the newest, those that are shown as cards, as many points as a trainer tells of; of the others one a second. */
const BUSY = 4
const IMAGES_PER_SECOND = 256
const BATCH = { busy: 16, other: 256 }

export async function measureLive(browser: MeasuredBrowser): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const database = await openDatabase({ folder: join(dataDir, 'database') })
    await createEndedRuns(database.prisma, ENDED)
    await database.close()
    const rehearsal = { imagesPerSecond: IMAGES_PER_SECOND, pace: 1 }
    await withServer({ dataDir, dataset: true, rehearsal }, async (server) => {
      for (let i = 1; i <= LIVE; i++) {
        const batchSize = i > LIVE - BUSY ? BATCH.busy : BATCH.other
        await startRun(server, { ...RUN, name: `live ${i}`, seed: i, batchSize })
      }
      await allRunning(server)
      for (const path of ['/', '/runs', `/runs/${ENDED + LIVE}`]) await watchPageOf(browser, server, path)
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function allRunning(server: BenchServer): Promise<void> {
  for await (const _ of server.watch('subscription { trainingRunsChanged { __typename } }')) {
    const { trainingRuns } = await server.query('{ trainingRuns(status: [RUNNING]) { totalCount } }')
    if (trainingRuns.totalCount === LIVE) return
  }
}

async function watchPageOf(browser: MeasuredBrowser, server: BenchServer, path: string): Promise<void> {
  const { page, sockets, problems, metrics, close } = await browser.open()
  await page.goto(`${server.url}${path}`)
  await page.waitForSelector('h1')
  await page.waitForSelector('canvas, svg.sparkline')
  // What a page does once, it does before.
  await setTimeout(2000)
  await page.evaluate(() => {
    watch.longTasks.length = 0
    watch.draws.length = 0
  })
  const began = performance.now()
  const [before, seconds] = [await metrics(), await browser.rendererSeconds()]
  await setTimeout(WATCH_MS)
  const [after, now] = [await metrics(), await browser.rendererSeconds()]
  const elapsed = (performance.now() - began) / 1000
  const { draws, longTasks, canvases } = await page.evaluate(() => ({
    draws: watch.draws,
    longTasks: watch.longTasks,
    canvases: document.querySelectorAll('canvas').length,
  }))
  heading(`${path} of ${ENDED + LIVE} runs, ${LIVE} of them live`)
  judge("cores of the page's process", (now - seconds) / elapsed, CORES, '')
  note('of them its main thread', (after.TaskDuration! - before.TaskDuration!) / elapsed, '')
  judge('the longest task', Math.max(0, ...longTasks), TASK_MS, 'ms')
  judge('canvases', canvases, CANVASES, '')
  const charts = [...new Set(draws.map(({ chart }) => chart))]
  // So many pauses lie between them.
  const rates = charts.map((chart) => (draws.filter((draw) => draw.chart === chart).length - 1) / elapsed)
  const [what, limit] = path === '/' ? ['card', CARD_HZ] : ['chart', CHART_HZ]
  if (charts.length > 0) judge(`frames a second of the busiest ${what}`, Math.max(...rates), limit, 'Hz')
  judge('sockets', sockets.opened, 1, '')
  judge('nodes, texts included', (await metrics(true)).Nodes!, NODES, '')
  for (const problem of problems) console.log(`  ${problem}`)
  if (problems.length > 0) process.exitCode = 1
  await close()
}
