import { useSignalEffect } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { graphql, type ResultOf, type VariablesOf } from '../../src/client/graphql.ts'
import { client, reconnections } from '../live/api.ts'
import { RUN_CARD } from '../live/runs-changed.ts'
import { throttle } from '../live/throttle.ts'
import { HYPERPARAMETERS } from '../run/hyperparameters.ts'

const LIST = graphql(
  `
    query Runs(
      $first: Int!
      $after: String
      $status: [RunStatus!]
      $architecture: String
      $search: String
      $orderBy: TrainingRunOrderInput
    ) {
      trainingRuns(
        first: $first
        after: $after
        status: $status
        architecture: $architecture
        search: $search
        orderBy: $orderBy
      ) {
        totalCount
        pageInfo { hasNextPage endCursor }
        edges { node { ...RunCard notes bestTestAccuracy lastTestLoss seconds } }
      }
    }
  `,
  [RUN_CARD],
)

/** Beside the list, because one operation with both for a hundred runs would cost more than the server grants. */
const SETTINGS = graphql(
  `
  query SettingsOfRuns(
    $first: Int!
    $after: String
    $status: [RunStatus!]
    $architecture: String
    $search: String
    $orderBy: TrainingRunOrderInput
  ) {
    trainingRuns(
      first: $first
      after: $after
      status: $status
      architecture: $architecture
      search: $search
      orderBy: $orderBy
    ) {
      edges {
        node {
          id
          seed
          dataset { reference }
          engine { kind }
          hyperparameters { ...HyperparameterFacts }
        }
      }
    }
  }
`,
  [HYPERPARAMETERS],
)

export type Listed = ResultOf<typeof LIST>['trainingRuns']['edges'][number]['node']
export type Settings = ResultOf<typeof SETTINGS>['trainingRuns']['edges'][number]['node']
export type Filter = Omit<VariablesOf<typeof LIST>, 'first' | 'after'>

interface Page {
  runs: readonly Listed[]
  settings: readonly Settings[]
  total: number
  /** Where the next one begins; null when there is none. */
  next: string | null
}

export interface RunList {
  /** Null before the first answer. */
  readonly pages: readonly Page[] | null
  readonly error: Error | null
  /** Reads the next page, if there is one. */
  more(): void
  /** Reads all again that was read. */
  refresh(): void
}

const REFRESH_MS = 500
/** Runs of a page. The first has as many as are in view, so that they are soon there. */
const [FIRST_PAGE, LATER_PAGE] = [40, 100]

/** Runs, more whenever they are asked for. */
export function useRunList(filter: Filter): RunList {
  const [state, setState] = useState<{ pages: readonly Page[] | null; error: Error | null }>({
    pages: null,
    error: null,
  })
  const ask = useRef<(what: 'all' | 'more') => void>(() => {})
  const more = useMemo(() => () => ask.current('more'), [])
  const refresh = useMemo(() => throttle(REFRESH_MS, () => ask.current('all')), [])
  // Asked before the frame is painted, not behind it: the answer is what the page waits for.
  useLayoutEffect(() => {
    const leaving = new AbortController()
    const { signal } = leaving
    const wanted = { all: true, more: false }
    let pages: readonly Page[] = []
    let isReading = false
    const read = async () => {
      if (isReading) return
      isReading = true
      while (!signal.aborted && (wanted.all || wanted.more)) {
        const count = wanted.all ? Math.max(1, pages.length) : pages.length + 1
        const kept = wanted.all ? [] : pages
        wanted.all = wanted.more = false
        try {
          pages = await readPages(filter, kept, count, signal)
          if (!signal.aborted) setState({ pages, error: null })
        } catch (error) {
          if (!signal.aborted) setState((before) => ({ ...before, error: error as Error }))
        }
      }
      isReading = false
    }
    ask.current = (what) => {
      if (what === 'more' && (pages.length === 0 || pages.at(-1)!.next === null)) return
      wanted[what] = true
      void read()
    }
    void read()
    return () => {
      ask.current = () => {}
      leaving.abort()
    }
  }, [JSON.stringify(filter)])
  const seen = useRef(reconnections.peek())
  useSignalEffect(() => {
    if (reconnections.value === seen.current) return
    seen.current = reconnections.value
    ask.current('all')
  })
  useEffect(() => refresh.cancel, [])
  return { ...state, more, refresh }
}

async function readPages(
  filter: Filter,
  kept: readonly Page[],
  count: number,
  signal: AbortSignal,
): Promise<readonly Page[]> {
  const pages = [...kept]
  while (pages.length < count) {
    const last = pages.at(-1)
    if (last?.next === null) break
    const first = last === undefined ? FIRST_PAGE : LATER_PAGE
    const variables = { ...filter, first, after: last?.next ?? null }
    const [{ trainingRuns: list }, { trainingRuns: beside }] = await Promise.all([
      client.query(LIST, variables, { signal }),
      client.query(SETTINGS, variables, { signal }),
    ])
    pages.push({
      runs: list.edges.map(({ node }) => node),
      settings: beside.edges.map(({ node }) => node),
      total: list.totalCount,
      next: list.pageInfo.hasNextPage ? (list.pageInfo.endCursor ?? null) : null,
    })
  }
  return pages
}
