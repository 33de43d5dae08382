import { count } from '../format.ts'
import type { Dataset } from './documents.ts'

/** The classes of a data set, and how many images are of each, once it is there to be counted. */
export function ClassCounts({ dataset: { classes, classCounts } }: { dataset: Dataset }) {
  if (classCounts === null)
    return (
      <ol class="classes">
        {classes.map((label) => (
          <li key={label}>{label}</li>
        ))}
      </ol>
    )
  const most = Math.max(1, ...classCounts.flatMap(({ train, test }) => [train, test]))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section class="scroll" tabIndex={0} aria-label="Images of each class">
      <table class="class-counts">
        <thead>
          <tr>
            <th scope="col">Class</th>
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
          {classCounts.map(({ label, train, test }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
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
  )
}
