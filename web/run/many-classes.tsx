import { useState } from 'preact/hooks'
import { percent } from '../format.ts'
import { setParams } from '../router.ts'
import type { Details } from './details.ts'

type Evaluation = NonNullable<Details['evaluation']>

/** Rows that a table has at first, and as many more when asked. */
const ROWS = 20

interface Props {
  evaluation: Pick<Evaluation, 'confusions' | 'perClass'>
  /** Whose pictures are shown below. */
  picked: { label: string; predicted: string } | null
}

/** In the place of a matrix that no screen has room for: what was confused most, and the classes that are known least. */
export function ManyClasses({ evaluation: { confusions, perClass }, picked }: Props) {
  const known = perClass.filter(({ recall }) => recall !== null)
  const least = [...known].sort((one, other) => one.recall! - other.recall!)
  return (
    <>
      <Rows
        caption="What was confused most. A count shows its pictures."
        heads={['true class', 'taken for', 'pictures']}
        areWords={2}
        rows={confusions.map(({ label, predicted, count }) => {
          const isPicked = picked?.label === label && picked.predicted === predicted
          return [
            label,
            predicted,
            <button
              type="button"
              class="cell"
              aria-label={`${label} taken for ${predicted}: ${count}`}
              aria-pressed={isPicked}
              onClick={() => setParams(isPicked ? { label: null, predicted: null } : { label, predicted })}
            >
              {count}
            </button>,
          ]
        })}
      />
      <Rows
        caption={`The classes that are known least, of ${perClass.length.toLocaleString('en')}.`}
        heads={['class', 'recall', 'precision', 'pictures']}
        areWords={1}
        rows={least.map(({ label, recall, precision, count }) => [
          label,
          percent(recall),
          percent(precision),
          count.toLocaleString('en'),
        ])}
      />
    </>
  )
}

function Rows({
  caption,
  heads,
  areWords,
  rows,
}: {
  caption: string
  heads: string[]
  /** The first so many columns. */
  areWords: number
  rows: preact.ComponentChild[][]
}) {
  const [shown, show] = useState(ROWS)
  if (rows.length === 0) return null
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label={caption}>
        <table class="matrix many">
          <caption class="small muted" style={{ textAlign: 'start' }}>
            {caption}
          </caption>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map(([first, ...rest], i) => (
              <tr key={i}>
                <th scope="row">{first}</th>
                {rest.map((cell, j) => (
                  <td key={j} class={j + 1 < areWords ? 'words' : ''}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > shown && (
        <div>
          <button type="button" class="small" onClick={() => show(shown + ROWS)}>
            More of them
          </button>
        </div>
      )}
    </>
  )
}
