/**
 * The budgets of the dashboard: what it loads, how soon it shows what is there, and what it costs while it is live. Ends
 * with 1 where a figure is above its limit.
 */
import { defineBench, listOf, UsageError } from './lib/bench.ts'
import { withBrowser } from './lib/browser.ts'
import { measureDisplay } from './lib/dashboard-display.ts'
import { measureHour, measureNavigations } from './lib/dashboard-hour.ts'
import { measureLive } from './lib/dashboard-live.ts'
import { measureScripts } from './lib/scripts.ts'

const PARTS = ['scripts', 'display', 'live', 'hour', 'navigations']

export const bench = defineBench({
  measures: 'kB, ms, frames, CPU and heap of the dashboard in Chromium, each beside its limit',
  takes: '5 minutes',
  needs: 'Chromium; CIFAR-10 (139 MB, once)',
  options: {
    parts: `which, by commas (${PARTS.join()})`,
    points: 'how many loss points the long run of display has (1000000)',
  },
  async run({ parts, points = '1000000' }) {
    const asked = listOf(parts) ?? PARTS
    const unknown = asked.find((part) => !PARTS.includes(part))
    if (unknown !== undefined) throw new UsageError(`--parts: there is no ${unknown} among ${PARTS.join()}.`)
    const steps = Number(points)
    if (!(Number.isInteger(steps) && steps >= 1000)) {
      throw new UsageError(`--points: ${points} is not a whole number from 1000 on.`)
    }
    if (asked.includes('scripts')) measureScripts()
    await withBrowser(async (browser) => {
      if (asked.includes('display')) await measureDisplay(browser, steps)
      if (asked.includes('live')) await measureLive(browser)
      if (asked.includes('hour')) await measureHour(browser)
      if (asked.includes('navigations')) await measureNavigations(browser)
    })
  },
})
