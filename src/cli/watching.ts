import type { Client, Stream } from '../client/client.ts'
import { TransportError } from '../client/errors.ts'
import { graphql, type ResultOf } from '../client/graphql.ts'
import { noSuchRun } from './run-ref.ts'
import { bar, chart, type Screen } from './terminal.ts'
import { duration, percent } from './text.ts'

/** Beyond what a terminal is wide. */
const MAX_POINTS = 1000
const EPOCHS_SHOWN = 5
const REDRAW_MS = 1000

const BUCKETS = graphql(`
  subscription WatchLosses($id: ID!, $maxPoints: Int!) {
    trainingLossBuckets(id: $id, maxPoints: $maxPoints) { reset buckets { firstStep last { loss } } }
  }
`)
const STATE = graphql(`
  query WatchRun($id: ID!) {
    trainingRun(id: $id) {
      id
      number
      name
      status
      failure { message }
      progress { step steps epoch epochs imagesPerSecond secondsRemaining }
      queue { ahead }
      engine { kind device }
      dataset { name state progress }
      epochs { epoch testLoss testAccuracy seconds }
      evaluation { accuracy count perClass { label recall } }
    }
  }
`)

export type WatchedRun = NonNullable<ResultOf<typeof STATE>['trainingRun']>

/** Draws the run until it has ended; answers its final state, and null when the signal ended it before. */
export async function watchRun(
  client: Client,
  screen: Screen,
  id: string,
  signal?: AbortSignal,
): Promise<WatchedRun | null> {
  const losses = new Map<number, number | null>()
  const read = async () => {
    const { trainingRun } = await client.query(STATE, { id }, { signal })
    if (trainingRun === null) throw noSuchRun(id)
    return trainingRun
  }
  let run = await read()
  const redraw = async () => {
    try {
      run = await read()
      draw(screen, run, losses)
    } catch (error) {
      // The stream is told the same and goes on when it can.
      if (error instanceof TransportError) sayLost(client, screen, run)
    }
  }
  draw(screen, run, losses)
  const timer = setInterval(() => void redraw(), REDRAW_MS)
  try {
    await followLosses(client.subscribe(BUCKETS, { id, maxPoints: MAX_POINTS }, { run: id, signal }), losses)
  } catch (error) {
    if (signal?.aborted) return null
    throw error
  } finally {
    clearInterval(timer)
  }
  run = await read()
  draw(screen, run, losses)
  return run
}

async function followLosses(
  stream: Stream<ResultOf<typeof BUCKETS>>,
  losses: Map<number, number | null>,
): Promise<void> {
  for await (const { trainingLossBuckets } of stream) {
    if (trainingLossBuckets.reset) losses.clear()
    for (const { firstStep, last } of trainingLossBuckets.buckets) losses.set(firstStep, last.loss)
  }
}

function draw(screen: Screen, run: WatchedRun, losses: ReadonlyMap<number, number | null>): void {
  const { step, steps, imagesPerSecond, secondsRemaining } = run.progress
  const fraction = steps === 0 ? 0 : step / steps
  const rest = secondsRemaining === null ? '' : `, ${duration(secondsRemaining)} left`
  const speed = imagesPerSecond === null ? '' : `, ${imagesPerSecond.toFixed(0)} images/s${rest}`
  const finite = [...losses.values()].filter((loss) => loss !== null)
  const loss = finite.length === 0 ? '' : `loss ${finite.at(-1)!.toFixed(3)}`
  screen.draw(
    [
      `Run #${run.number} ${run.name}${run.engine === null ? '' : `: ${run.engine.kind} on ${run.engine.device}`}`,
      `${bar(fraction)} ${percent(fraction)}  ${run.status}${waiting(run)}`,
      `step ${step}/${steps}${loss === '' ? '' : `, ${loss}`}${speed}`,
      ...chart(finite, screen.columns),
      ...run.epochs.slice(-EPOCHS_SHOWN).map(epochLine),
    ],
    `${run.status}${waiting(run)} step ${step}/${steps}${loss === '' ? '' : ` ${loss}`}${speed}`,
  )
}

function waiting({ status, queue, dataset }: WatchedRun): string {
  if (status === 'QUEUED' && queue !== null && queue.ahead > 0) return `, ${queue.ahead} before it`
  return dataset.state === 'FETCHING' ? `, fetching ${dataset.name} ${percent(dataset.progress)}` : ''
}

function epochLine({ epoch, testAccuracy, testLoss, seconds }: WatchedRun['epochs'][number]): string {
  const loss = testLoss?.toFixed(3) ?? 'not finite'
  return `epoch ${epoch}: test accuracy ${percent(testAccuracy)}, test loss ${loss}, ${seconds.toFixed(0)} s`
}

function sayLost(client: Client, screen: Screen, run: WatchedRun): void {
  const { since } = client.connection
  const line = `Run #${run.number}: no connection since ${new Date(since).toLocaleTimeString('en-GB')}, trying again...`
  screen.draw([line], line)
}

/** What is said of a run that did not come to its end; null for a COMPLETED one. */
export function shortcoming({ status, failure }: WatchedRun): string | null {
  if (status === 'COMPLETED') return null
  return `The run is ${status}. ${failure?.message ?? ''}`.trim()
}
