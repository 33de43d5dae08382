import { graphql } from '../../src/client/graphql.ts'
import { Champions } from '../home/champions.tsx'
import { FirstVisit } from '../home/first-visit.tsx'
import { Queue } from '../home/queue.tsx'
import { Running } from '../home/running.tsx'
import { useQuery } from '../live/query.ts'
import { RUN_CARD, type RunCard, useCards, useRunsChanged } from '../live/runs-changed.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { RunRows } from '../parts/run-rows.tsx'
import { useTitle } from '../parts/title.ts'

const HOME = graphql(
  `
    query Home {
      running: trainingRuns(first: 4, status: [PREPARING, RUNNING, PAUSED]) { totalCount edges { node { ...RunCard } } }
      queued: trainingRuns(first: 100, status: [QUEUED]) { totalCount edges { node { ...RunCard } } }
      recent: trainingRuns(first: 8, status: [COMPLETED, FAILED, CANCELLED]) { totalCount edges { node { ...RunCard } } }
    }
  `,
  [RUN_CARD],
)

/** What the zoo is doing: what runs, what is next, what was, and who is best. */
export default function Home() {
  useTitle('vggzoo')
  const { data, error, refresh } = useQuery(HOME, {})
  useRunsChanged((change) => {
    if (change === 'list') refresh()
  })
  const nodes = (connection: { edges: readonly { node: RunCard }[] } | undefined) =>
    connection?.edges.map(({ node }) => node) ?? []
  const [running, queued, recent] = [nodes(data?.running), nodes(data?.queued), nodes(data?.recent)]
  useCards(data, [...running, ...queued, ...recent])
  if (data === null) return error === null ? null : <Failure error={error} />
  if (running.length + queued.length + recent.length === 0) return <FirstVisit />
  return (
    <>
      <div class="row spread">
        <h1>The zoo now</h1>
        <a class="button primary" href="/new">
          New run
        </a>
      </div>
      {running.length === 0 && <p class="muted">Nothing is training.</p>}
      {running.map((run) => (
        <Running key={run.id} run={run} isOnly={running.length === 1} />
      ))}
      {data.running.totalCount > running.length && (
        <a href="/runs?status=PREPARING,RUNNING,PAUSED">All {data.running.totalCount} at work</a>
      )}
      {queued.length > 0 && (
        <Panel title={`Queue (${data.queued.totalCount})`} query={{ text: HOME }}>
          <Queue runs={queued} onMove={refresh} />
        </Panel>
      )}
      {recent.length > 0 && (
        <Panel title="Recent runs" tools={<a href="/runs">All runs</a>} query={{ text: HOME }}>
          <RunRows runs={recent} />
        </Panel>
      )}
      <Champions />
    </>
  )
}
