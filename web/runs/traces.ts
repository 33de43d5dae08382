import { useEffect, useMemo } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { client } from '../live/api.ts'
import { cardOf, type RunCard } from '../live/runs-changed.ts'
import { throttle } from '../live/throttle.ts'

const TRACES = graphql(`
  query Traces($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      ... on TrainingRun {
        id
        status
        progress { step }
        bestTestAccuracy
        lastTestLoss
        seconds
        losses(maxPoints: 40) { step loss }
      }
    }
  }
`)

type Node = ResultOf<typeof TRACES>['nodes'][number]
/** The thinned loss of a run, and the figures that grow with it. */
export type Trace = Extract<Node, { __typename: 'TrainingRun' }> & { readonly at: number }

/** Those of rows that come into view come at once, as one request. */
const ASK_MS = 100
/** Those of runs that go on are asked for again so often at most. */
const AGAIN_MS = 2000

const known = new Map<string, Trace>()

/**
 * What is known of these runs: asked for once when a run is over, and again while it goes on.
 * @param onAnswer hears that more is known
 */
export function useTraces(inView: readonly RunCard[], onAnswer: () => void): ReadonlyMap<string, Trace> {
  const view = useMemo(() => ({ runs: inView, ask: throttle(ASK_MS, () => void read()) }), [])
  view.runs = inView
  const read = useMemo(() => reader(view, onAnswer), [])
  useEffect(view.ask)
  useEffect(() => {
    const timer = setInterval(view.ask, AGAIN_MS)
    return () => {
      clearInterval(timer)
      view.ask.cancel()
    }
  }, [])
  return known
}

function reader(view: { runs: readonly RunCard[] }, onAnswer: () => void): () => Promise<void> {
  let isReading = false
  return async () => {
    if (isReading || document.visibilityState === 'hidden') return
    const ids = view.runs.filter(isWanted).map(({ id }) => id)
    if (ids.length === 0) return
    isReading = true
    try {
      const { nodes } = await client.query(TRACES, { ids })
      const at = Date.now()
      for (const node of nodes) if (node?.__typename === 'TrainingRun') known.set(node.id, { ...node, at })
      onAnswer()
    } catch {
      // The list beside it says what is wrong; the next look tries again.
    } finally {
      isReading = false
    }
  }
}

function isWanted(run: RunCard): boolean {
  const trace = known.get(run.id)
  if (trace === undefined) return true
  const { status, progress } = cardOf(run).peek()
  return (
    (trace.status !== status || trace.progress.step !== progress.step) && Date.now() - trace.at >= AGAIN_MS
  )
}
