import { useMemo } from 'preact/hooks'
import { Chart } from '../chart/chart.tsx'
import { duration, loss, percent } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import type { Epoch } from './details.ts'

/** What each epoch came to, as a curve and as numbers. Never smoothed: each is a figure of its own. */
export function Epochs({ epochs }: { epochs: readonly Epoch[] }) {
  const drawn = useMemo(
    () => ({
      xs: epochs.map(({ epoch }) => epoch),
      curves: [
        {
          label: 'training accuracy',
          token: '--series-1',
          dots: true,
          values: epochs.map(({ trainAccuracy }) => trainAccuracy),
        },
        {
          label: 'test accuracy',
          token: '--series-2',
          dots: true,
          dash: [6, 4],
          values: epochs.map(({ testAccuracy }) => testAccuracy),
        },
      ],
    }),
    [epochs],
  )
  if (epochs.length === 0) return null
  return (
    <Panel title="Epochs" anchor="epochs">
      <div class="columns">
        <Chart label="Accuracy by epoch" xLabel="epoch" format={percent} height={240} {...drawn} />
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
        <section class="scroll tall" tabIndex={0} aria-label="Epochs as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">Epoch</th>
                {['Training loss', 'Test loss', 'Training acc.', 'Test acc.', 'Took'].map((name) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {epochs.toReversed().map((epoch) => (
                <tr key={epoch.epoch}>
                  <th scope="row">{epoch.epoch}</th>
                  <td class="number">{loss(epoch.trainLoss)}</td>
                  <td class="number">{loss(epoch.testLoss)}</td>
                  <td class="number">{percent(epoch.trainAccuracy)}</td>
                  <td class="number">{percent(epoch.testAccuracy)}</td>
                  <td class="number">{duration(epoch.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </div>
    </Panel>
  )
}
