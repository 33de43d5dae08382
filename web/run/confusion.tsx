import { loss, percent } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import type { Details } from './details.ts'

type Evaluation = NonNullable<Details['evaluation']>

/** Which classes were taken for which. */
export function Confusion({
  evaluation,
  classes,
  title = 'Confusion matrix',
  anchor,
}: {
  evaluation: Evaluation
  classes: readonly string[]
  title?: string
  anchor?: string
}) {
  const { confusionMatrix, perClass, accuracy, top5Accuracy, count, unanswered } = evaluation
  return (
    <Panel title={title} anchor={anchor}>
      <Figures
        of={[
          ['Accuracy', percent(accuracy)],
          ['Among the first five', percent(top5Accuracy)],
          ['Loss', loss(evaluation.loss)],
          ['Pictures', count.toLocaleString('en')],
          ...(unanswered > 0 ? [['Without an answer', unanswered.toLocaleString('en')] as const] : []),
        ]}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label={`${title}, the table`}>
        <table class="matrix">
          <caption class="small muted" style={{ textAlign: 'start' }}>
            A row is a true class, a column what it was taken for.
          </caption>
          <thead>
            <tr>
              <td />
              {classes.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
              <th scope="col">recall</th>
            </tr>
          </thead>
          <tbody>
            {confusionMatrix.map((row, truth) => (
              <tr key={classes[truth]}>
                <th scope="row">{classes[truth]}</th>
                {row.map((cell, predicted) => (
                  <td key={classes[predicted]} style={shade(cell, row, truth === predicted)}>
                    {cell === 0 ? <span class="muted">·</span> : cell}
                  </td>
                ))}
                <td>{percent(perClass[truth]?.recall)}</td>
              </tr>
            ))}
            <tr>
              <th scope="row">precision</th>
              {perClass.map(({ label, precision }) => (
                <td key={label}>{percent(precision, 0)}</td>
              ))}
              <td />
            </tr>
          </tbody>
        </table>
      </section>
    </Panel>
  )
}

/** The more of a class, the stronger; light enough that the number stays readable. */
function shade(cell: number, row: readonly number[], right: boolean): { background: string } | undefined {
  const all = row.reduce((sum, n) => sum + n, 0)
  if (cell === 0 || all === 0) return undefined
  const strength = Math.round(6 + (34 * cell) / all)
  return { background: `color-mix(in srgb, var(${right ? '--good' : '--bad'}) ${strength}%, var(--surface))` }
}
