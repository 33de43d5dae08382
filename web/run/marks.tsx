import type { Mark } from '../chart/model.ts'
import { counted, rate } from '../format.ts'
import type { Details } from './details.ts'

/** Restarts, changes, checkpoints and forks, where they were on the axis of steps. */
export function marksOf({ attempts, changes, checkpoints }: Details): Mark[] {
  return [
    ...attempts.slice(1).map(({ attempt, fromStep }) => ({
      x: fromStep,
      label: `attempt ${attempt} goes on from step ${fromStep}`,
      token: '--bad',
    })),
    ...changes.map(({ step, learningRate, epochs, rateAfter }) => {
      const now = rateAfter ?? learningRate
      const said = [now !== null && `learning rate ${rate(now)}`, epochs !== null && counted(epochs, 'epoch')]
      return { x: step, label: `from step ${step}: ${said.filter(Boolean).join(', ')}`, token: '--warn' }
    }),
    ...checkpoints.map(({ step }) => ({
      x: step,
      label: `checkpoint at step ${step}`,
      token: '--line-strong',
    })),
  ]
}

/** The same in words. */
export function MarkList({ marks }: { marks: readonly Mark[] }) {
  return (
    <ul class="marks small" aria-label="Marks">
      {marks.map((mark) => (
        <li key={mark.label}>
          <span style={{ color: `var(${mark.token})` }} aria-hidden="true">
            ┆
          </span>{' '}
          {mark.label}
        </li>
      ))}
    </ul>
  )
}
