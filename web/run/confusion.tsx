import { useRef, useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { loss, percent } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import { late } from '../parts/late.tsx'
import { Panel } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import { type Cell, cellOf, matrixOf, nextCell } from './cell.ts'
import { CELL_MISTAKES, CellMistakes, PAGE } from './cell-mistakes.tsx'
import type { Details } from './details.ts'

type Evaluation = NonNullable<Details['evaluation']>

interface Props {
  /** Of the run or the version that was evaluated. */
  id: string
  evaluation: Evaluation
  classes: readonly string[]
  title?: string
  anchor?: string
}

const QUERY = graphql(`
  query Confusion($id: ID!) {
    node(id: $id) {
      ... on TrainingRun { evaluation { ...Scores } }
      ... on ModelVersion { evaluation { ...Scores } }
    }
  }
  fragment Scores on Evaluation {
    accuracy
    balancedAccuracy
    confusions { label predicted count }
    perClass { label precision recall f1 count predicted }
  }
`)

const ManyClasses = late(async () => (await import('./many-classes.tsx')).ManyClasses)

/** More fit no screen; and so many have no more confusions than are asked for. */
const MATRIX_CLASSES = 32

/** Which classes were taken for which, and the pictures of the cell that is picked: the address says which. */
export function Confusion({ id, evaluation, classes, title = 'Confusion matrix', anchor }: Props) {
  const { accuracy, balancedAccuracy, top5Accuracy, count, unanswered } = evaluation
  const cell = cellOf(params.value, classes)
  const picked = cell === null ? null : { label: classes[cell.truth]!, predicted: classes[cell.predicted]! }
  return (
    <Panel
      title={title}
      anchor={anchor}
      query={
        picked === null
          ? { text: QUERY, variables: { id } }
          : { text: CELL_MISTAKES, variables: { id, ...picked, first: PAGE } }
      }
    >
      <Figures
        of={[
          ['Accuracy', percent(accuracy)],
          ...(balancedAccuracy === null ? [] : [['Balanced accuracy', percent(balancedAccuracy)] as const]),
          ['Among the first five', percent(top5Accuracy)],
          ['Loss', loss(evaluation.loss)],
          ['Pictures', count.toLocaleString('en')],
          ...(unanswered > 0 ? [['Without an answer', unanswered.toLocaleString('en')] as const] : []),
        ]}
      />
      {classes.length <= MATRIX_CLASSES ? (
        <Matrix evaluation={evaluation} classes={classes} title={title} cell={cell} />
      ) : (
        <ManyClasses evaluation={evaluation} picked={picked} />
      )}
      {picked !== null && <CellMistakes key={`${picked.label} ${picked.predicted}`} id={id} {...picked} />}
    </Panel>
  )
}

/** The arrow keys move among its cells, and one of them is where the keys come in. */
function Matrix({
  evaluation: { confusions, perClass },
  classes,
  title,
  cell: picked,
}: Required<Pick<Props, 'evaluation' | 'classes' | 'title'>> & { cell: Cell | null }) {
  const table = useRef<HTMLTableElement>(null)
  const confusionMatrix = matrixOf(confusions, perClass, classes)
  const [reached, reach] = useState<Cell>({ truth: 0, predicted: 1 })
  const isAt = (truth: number, predicted: number, cell: Cell | null) =>
    cell !== null && cell.truth === truth && cell.predicted === predicted
  const move = (event: KeyboardEvent) => {
    const next = nextCell(event.key, reached, classes.length)
    if (next === null) return
    event.preventDefault()
    reach(next)
    const row = table.current?.tBodies[0]?.rows[next.truth]
    // The first cell of a row is its class.
    row?.cells[next.predicted + 1]?.querySelector('button')?.focus()
  }
  const pick = (cell: Cell) =>
    setParams(
      isAt(cell.truth, cell.predicted, picked)
        ? { label: null, predicted: null }
        : { label: classes[cell.truth]!, predicted: classes[cell.predicted]! },
    )
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label={`${title}, the table`}>
        <table ref={table} class="matrix" onKeyDown={move}>
          <caption class="small muted" style={{ textAlign: 'start' }}>
            A row is a true class, a column what it was taken for. A cell shows its pictures.
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
                    {truth === predicted ? (
                      <Count of={cell} />
                    ) : (
                      <button
                        type="button"
                        class="cell"
                        tabIndex={isAt(truth, predicted, reached) ? 0 : -1}
                        aria-label={`${classes[truth]} taken for ${classes[predicted]}: ${cell}`}
                        aria-pressed={isAt(truth, predicted, picked)}
                        onFocus={() => reach({ truth, predicted })}
                        onClick={() => pick({ truth, predicted })}
                      >
                        <Count of={cell} />
                      </button>
                    )}
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
    </>
  )
}

function Count({ of }: { of: number }) {
  return <span class={of === 0 ? 'muted' : ''}>{of === 0 ? '·' : of}</span>
}

/** The more of a class, the stronger; light enough that the number stays readable. */
function shade(cell: number, row: readonly number[], right: boolean): { background: string } | undefined {
  const all = row.reduce((sum, n) => sum + n, 0)
  if (cell === 0 || all === 0) return undefined
  const strength = Math.round(6 + (34 * cell) / all)
  return { background: `color-mix(in srgb, var(${right ? '--good' : '--bad'}) ${strength}%, var(--surface))` }
}
