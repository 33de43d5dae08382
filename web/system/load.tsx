import { useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { bytes, count, percent, perSecond } from '../format.ts'
import { useStream } from '../live/stream.ts'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'

const STATS = graphql(`
  subscription SystemLoad($everyMs: Int!) {
    systemStats(everyMs: $everyMs) {
      at
      openSubscriptions
      predictionsOpen
      predictionsPerSecond
      queue { running queued concurrency }
      server { cpu memoryBytes processes }
      trainers { cpu memoryBytes processes }
      predictor { cpu memoryBytes processes }
      jobs { cpu memoryBytes processes }
    }
  }
`)

type Stats = ResultOf<typeof STATS>['systemStats']

const EVERY_MS = 1000
/** Two minutes of them. */
const KEPT = 120

const ROLES = [
  ['server', 'Server', 'answers, and keeps what happens'],
  ['trainers', 'Trainers', 'one for each run that is at work'],
  ['predictor', 'Predictor', 'shows pictures to models'],
  ['jobs', 'Jobs', 'evaluations, data sets, conversions and the like'],
] as const

/** How busy the server is, second by second. */
export function Load() {
  const [history, setHistory] = useState<readonly Stats[]>([])
  useStream(STATS, { everyMs: EVERY_MS }, ({ systemStats }) =>
    setHistory((before) => [...before.slice(1 - KEPT), systemStats]),
  )
  const now = history.at(-1)
  if (now === undefined) return null
  const { queue, openSubscriptions, predictionsOpen, predictionsPerSecond } = now
  return (
    <Panel title="Now" query={{ text: QUERY }}>
      <Figures
        of={[
          ['Training', `${queue.running} of ${queue.concurrency} at once`],
          ['Waiting', count(queue.queued)],
          ['Predictions', perSecond(predictionsPerSecond)],
          ['Predictions under way', count(predictionsOpen)],
          ['Subscriptions', count(openSubscriptions)],
        ]}
      />
      <Course history={history} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Processes">
        <table class="processes">
          <thead>
            <tr>
              <th scope="col">Processes</th>
              {['How many', 'Of all cores', 'Memory'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              <th scope="col">What they do</th>
            </tr>
          </thead>
          <tbody>
            {ROLES.map(([role, name, what]) => {
              const { processes, cpu, memoryBytes } = now[role]
              return (
                <tr key={role}>
                  <th scope="row">{name}</th>
                  <td class="number">{processes}</td>
                  <td class="number">{percent(cpu, 0)}</td>
                  <td class="number">{processes === 0 ? '–' : bytes(memoryBytes)}</td>
                  <td class="muted">{what}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}

const QUERY = `subscription {
  systemStats(everyMs: 1000) {
    at
    predictionsPerSecond
    server { cpu memoryBytes }
    trainers { cpu memoryBytes }
  }
}`

const WIDTH = 600
const HEIGHT = 60

/** What all processes together took of the cores, over the last two minutes. */
function Course({ history }: { history: readonly Stats[] }) {
  const known = history
    .map((stats) => ROLES.reduce((sum, [role]) => sum + (stats[role].cpu ?? 0), 0))
    .map((share) => Math.min(1, share))
  const newest = known.at(-1) ?? 0
  const points = known
    .map((share, i) => {
      const x = WIDTH - (known.length - 1 - i) * (WIDTH / (KEPT - 1))
      return `${x.toFixed(1)},${(HEIGHT - 2 - (HEIGHT - 4) * share).toFixed(1)}`
    })
    .join(' ')
  return (
    <figure class="course">
      <figcaption class="small muted">
        All of them: {percent(newest, 0)} of the cores, over two minutes
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <line x1="0" y1={HEIGHT - 2} x2={WIDTH} y2={HEIGHT - 2} />
        <polyline points={points} />
      </svg>
    </figure>
  )
}
