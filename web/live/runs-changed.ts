import { batch, type Signal, signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { reconnections } from './api.ts'
import { listen } from './stream.ts'
import { throttle } from './throttle.ts'

/** What a row or card of a run shows. */
export const RUN_CARD = graphql(`
  fragment RunCard on TrainingRun {
    id
    number
    name
    status
    createdAt
    startedAt
    finishedAt
    architecture { name }
    dataset { name reference }
    progress { epoch epochs step steps imagesPerSecond secondsRemaining }
    queue { position ahead secondsUntilStart }
    failure { code message }
  }
`)

export type RunCard = ResultOf<typeof RUN_CARD>

const RUNS_CHANGED = graphql(
  `
    subscription RunsChanged {
      trainingRunsChanged {
        __typename
        ... on TrainingRunChange { id }
        ... on TrainingRun { ...RunCard }
      }
    }
  `,
  [RUN_CARD],
)

/** How far runs are is shown twice a second, however often it is told. */
const CARD_MS = 500

const cards = new Map<string, Signal<RunCard>>()

/** The newest that is known of a run, shared by all that show it. */
export function cardOf(card: RunCard): Signal<RunCard> {
  const known = cards.get(card.id)
  if (known !== undefined) return known
  const made = signal(card)
  cards.set(card.id, made)
  return made
}

/** Takes an answer's runs as the newest that is known of them, once: what is heard afterwards is newer. */
export function useCards(answer: object | null, runs: readonly RunCard[]): void {
  useMemo(() => {
    for (const card of runs) cardOf(card).value = card
  }, [answer])
}

type Listener = (change: 'list' | 'progress') => void
const listeners = new Set<Listener>()
let stop: (() => void) | null = null

/**
 * Hears that runs have changed, while the page shows them: `list` when one was started, deleted, or has another status,
 * name or place in the queue (or when some of it may have been missed), `progress` when the card alone is another. All hear one subscription.
 */
export function useRunsChanged(listener: Listener): void {
  useEffect(() => {
    listeners.add(listener)
    stop ??= start()
    return () => {
      listeners.delete(listener)
      if (listeners.size > 0) return
      stop?.()
      stop = null
    }
  }, [])
}

function start(): () => void {
  const tell: Listener = (change) => {
    for (const listener of listeners) listener(change)
  }
  const further = new Map<string, RunCard>()
  const show = throttle(CARD_MS, () => {
    if (further.size === 0) return
    batch(() => {
      for (const card of further.values()) cardOf(card).value = card
    })
    further.clear()
    tell('progress')
  })
  const leave = listen(RUNS_CHANGED, {}, ({ trainingRunsChanged: change }) => {
    if (change.__typename !== 'TrainingRun') {
      further.delete(change.id)
      cards.delete(change.id)
      return tell('list')
    }
    const before = cards.get(change.id)
    const isOther =
      before === undefined ||
      before.value.status !== change.status ||
      before.value.name !== change.name ||
      before.value.queue?.position !== change.queue?.position
    if (isOther) {
      further.delete(change.id)
      cardOf(change).value = change
      return tell('list')
    }
    further.set(change.id, change)
    show()
  })
  const seen = reconnections.peek()
  // Not what it is now, which it says at once: what shows runs has just asked.
  const ignore = reconnections.subscribe((count) => {
    if (count !== seen) tell('list')
  })
  return () => {
    leave()
    show.cancel()
    ignore()
  }
}
