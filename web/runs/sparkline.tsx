import { loss } from '../format.ts'
import type { Trace } from './traces.ts'

const [WIDTH, HEIGHT] = [96, 24]

/** The loss of a run at a glance; a gap is where it was not finite. */
export function Sparkline({ losses }: { losses: Trace['losses'] }) {
  const finite = losses.flatMap(({ loss }) => loss ?? [])
  const [first, last] = [losses[0], losses.at(-1)]
  if (first === undefined || last === undefined || finite.length === 0)
    return <span class="muted">{losses.length === 0 ? '–' : 'not finite'}</span>
  const [least, greatest] = [Math.min(...finite), Math.max(...finite)]
  const xOf = (step: number) => 1 + ((step - first.step) / Math.max(1, last.step - first.step)) * (WIDTH - 2)
  const yOf = (value: number) => 2 + ((greatest - value) / (greatest - least || 1)) * (HEIGHT - 4)
  let path = ''
  let isDrawn = false
  for (const { step, loss } of losses) {
    if (loss !== null) path += `${isDrawn ? 'L' : 'M'}${xOf(step).toFixed(1)} ${yOf(loss).toFixed(1)}`
    isDrawn = loss !== null
  }
  return (
    <svg
      class="sparkline"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Loss from ${loss(finite[0])} to ${loss(last.loss)}, at least ${loss(least)}`}
    >
      <path d={path} fill="none" stroke="currentColor" stroke-width="1.5" />
    </svg>
  )
}
