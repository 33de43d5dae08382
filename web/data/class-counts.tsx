import { useState } from 'preact/hooks'
import { count } from '../format.ts'
import { params, setParams } from '../router.ts'
import type { Whole } from './documents.ts'
import { type Edits, editClass } from './edits.ts'

interface Props {
  dataset: Pick<Whole, 'classes' | 'classCounts'>
  /** What is to change; null where nothing can. */
  edits: Edits | null
  onEdit: (edits: Edits) => void
}

/** Rows that are shown at first, and as many more when asked. */
const ROWS = 50

/** The classes of a data set, and how many images are of each, once it is there to be counted. A name leads to its pictures. */
export function ClassCounts({ dataset: { classes, classCounts }, edits, onEdit }: Props) {
  const [shown, show] = useState(ROWS)
  const [part, setPart] = useState('')
  const [isChanging, setChanging] = useState(false)
  if (classCounts === null)
    return (
      <ol class="classes">
        {classes.map((label) => (
          <li key={label}>{label}</li>
        ))}
      </ol>
    )
  const most = Math.max(1, ...classCounts.flatMap(({ train, test }) => [train, test]))
  const wanted = part.trim().toLowerCase()
  const found = classCounts.filter(({ label }) => label.toLowerCase().includes(wanted))
  return (
    <>
      <div class="row">
        {classes.length > ROWS && (
          <label class="row small">
            <span class="muted">Find a class</span>
            <input type="search" value={part} onInput={(event) => setPart(event.currentTarget.value)} />
          </label>
        )}
        {edits !== null && (
          <button type="button" aria-pressed={isChanging} onClick={() => setChanging(!isChanging)}>
            Rename, merge or leave out
          </button>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Images of each class">
        <table class="class-counts">
          <thead>
            <tr>
              <th scope="col">Class</th>
              {isChanging && <th scope="col">Becomes</th>}
              <th scope="col" class="number">
                Training images
              </th>
              <th scope="col" class="number">
                Test images
              </th>
              <td />
            </tr>
          </thead>
          <tbody>
            {found.slice(0, shown).map(({ label, train, test }) => (
              <tr key={label}>
                <th scope="row">
                  <button
                    type="button"
                    class="link"
                    aria-label={`${label}: show its pictures`}
                    aria-pressed={params.value.get('class') === label}
                    onClick={() => lookAt(label)}
                  >
                    {label}
                  </button>
                </th>
                {isChanging && edits !== null && (
                  <td>
                    <Becomes label={label} edits={edits} onEdit={onEdit} />
                  </td>
                )}
                <td class="number">{count(train)}</td>
                <td class="number">{count(test)}</td>
                <td class="count-bars" aria-hidden="true">
                  <div class="bar" style={{ width: `${(100 * train) / most}%` }} />
                  <div class="bar test" style={{ width: `${(100 * test) / most}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {found.length > shown && (
        <div>
          <button type="button" class="small" onClick={() => show(shown + ROWS)}>
            More of them: {count(found.length - shown)}
          </button>
        </div>
      )}
    </>
  )
}

function Becomes({ label, edits, onEdit }: { label: string; edits: Edits; onEdit: (edits: Edits) => void }) {
  const to = edits.classes.get(label)
  return (
    <span class="row becomes">
      <input
        aria-label={`What ${label} becomes`}
        value={to ?? ''}
        placeholder={label}
        disabled={to === null}
        list="known-classes"
        onInput={(event) => onEdit(editClass(edits, label, event.currentTarget.value))}
      />
      <label class="row">
        <input
          type="checkbox"
          checked={to === null}
          onChange={(event) => onEdit(editClass(edits, label, event.currentTarget.checked ? null : ''))}
        />
        left out<span class="spoken">: {label}</span>
      </label>
    </span>
  )
}

function lookAt(label: string): void {
  setParams({ class: label })
  document.getElementById('pictures')?.scrollIntoView()
}
