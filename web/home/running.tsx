import { DRAW_MS, useBuckets } from '../live/buckets.ts'
import { cardOf, type RunCard } from '../live/runs-changed.ts'
import { RunProgress } from '../parts/run-progress.tsx'
import { Status } from '../parts/status.tsx'
import { Controls } from '../run/controls.tsx'
import { LossChart } from '../run/loss-chart.tsx'

/** A run that is at work: its curve, how far it is, and what can be done with it. */
export function Running({ run, isOnly }: { run: RunCard; isOnly: boolean }) {
  const card = cardOf(run).value
  const buckets = useBuckets(run.id, { drawMs: isOnly ? DRAW_MS.main : DRAW_MS.card }).value
  return (
    <section class="panel" aria-label={`Run ${card.number}`}>
      <div class="row spread">
        <h2>
          <a href={`/runs/${card.number}`}>
            #{card.number} {card.name}
          </a>{' '}
          <span class="muted">{card.architecture.name}</span>
        </h2>
        <Status status={card.status} />
      </div>
      <LossChart buckets={buckets} run={card} height={220} />
      <RunProgress run={card} />
      <Controls run={card} />
    </section>
  )
}
