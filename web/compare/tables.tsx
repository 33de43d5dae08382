import { Swatch } from '../chart/chart.tsx'
import { signOf } from '../chart/colours.ts'
import { count, duration, loss, percent } from '../format.ts'
import { cardOf } from '../live/runs-changed.ts'
import { Panel } from '../parts/panel.tsx'
import { Status } from '../parts/status.tsx'
import { type Comparison, comparisonOf } from './comparison.ts'

/** The settings that are not the same in all runs. */
export function Differences({ of: { runs, differences } }: { of: Comparison }) {
  return (
    <Panel title="What differs" query={comparisonOf(runs)}>
      {differences.length === 0 ? (
        <p class="muted">All their settings are the same.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        <section class="scroll" tabIndex={0} aria-label="Settings that differ">
          <table>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                {runs.map(({ number }, i) => (
                  <th key={number} scope="col" class="number">
                    <Swatch curve={signOf(i)} /> #{number}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {differences.map(({ path, values }) => (
                <tr key={path}>
                  <th scope="row">{wordsOf(path)}</th>
                  {values.map((value, i) => (
                    <td key={runs[i]!.number} class="number" title={value ?? undefined}>
                      {shown(value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  )
}

interface FiguresProps {
  of: Comparison
  /** Takes a run away. */
  onRemove: (number: number) => void
}

/** What the runs came to; the best of each figure stands out. */
export function Outcomes({ of: { runs, figures }, onRemove }: FiguresProps) {
  const best = {
    accuracy: bestOf(
      figures.map(({ bestTestAccuracy }) => bestTestAccuracy),
      Math.max,
    ),
    loss: bestOf(
      figures.map(({ bestTestLoss }) => bestTestLoss),
      Math.min,
    ),
  }
  return (
    <Panel title="What they came to" query={comparisonOf(runs)}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="What the runs came to">
        <table class="outcomes">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Status</th>
              {[
                'Best test accuracy',
                'In epoch',
                'Least test loss',
                'Last test loss',
                'Trained for',
                'Images/s',
              ].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              <th scope="col">
                <span class="spoken">Take away</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {figures.map((it, i) => {
              const { number, name, status } = cardOf(runs[i]!).peek()
              return (
                <tr key={number}>
                  <th scope="row">
                    <Swatch curve={signOf(i)} />{' '}
                    <a href={`/runs/${number}`}>
                      #{number} {name}
                    </a>
                  </th>
                  <td>
                    <Status status={status} />
                  </td>
                  <td class="number">
                    {strong(percent(it.bestTestAccuracy), it.bestTestAccuracy === best.accuracy)}
                  </td>
                  <td class="number">{it.bestEpoch ?? '–'}</td>
                  <td class="number">{strong(loss(it.bestTestLoss), it.bestTestLoss === best.loss)}</td>
                  <td class="number">{loss(it.lastTestLoss)}</td>
                  <td class="number">{duration(it.seconds)}</td>
                  <td class="number">{count(it.imagesPerSecond)}</td>
                  <td>
                    <button
                      type="button"
                      class="quiet"
                      aria-label={`Take #${number} away`}
                      onClick={() => onRemove(number)}
                    >
                      ×
                    </button>
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}

/** Undefined where no run has the figure, so that nothing equals it. */
function bestOf(
  values: readonly (number | null)[],
  choose: (...values: number[]) => number,
): number | undefined {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? undefined : choose(...known)
}

function strong(text: string, isBest: boolean) {
  return isBest ? <b title="the best of these">{text} ★</b> : text
}

/** optimizer.weightDecay -> optimizer, weight decay */
function wordsOf(path: string): string {
  return path.replaceAll('.', ', ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

const MAX_SHOWN = 24

/** Text and whole numbers as they are, others without what rounding left, digests by their beginning. */
function shown(value: string | null): string {
  if (value === null) return '–'
  if (value === 'null') return 'none'
  if (/^-?\d+\.\d+(e[+-]?\d+)?$/.test(value)) return String(Number(Number(value).toPrecision(7)))
  return value.length > MAX_SHOWN ? `${value.slice(0, 12)}…` : value
}
