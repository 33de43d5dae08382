import { useMemo } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { align, type Placed } from '../chart/align.ts'
import type { Places } from '../chart/axis.ts'
import { Chart } from '../chart/chart.tsx'
import type { Mark } from '../chart/marks.ts'
import type { Range } from '../chart/model.ts'
import { duration, loss, percent } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import type { Details, Epoch } from './details.ts'

const QUERY = graphql(`
  query Epochs($number: Int!) {
    trainingRun(number: $number) {
      epochs { epoch trainLoss trainAccuracy testLoss testAccuracy seconds attempt }
    }
  }
`)

interface Props {
  run: Pick<Details, 'id' | 'number' | 'epochs'>
  stepsPerEpoch: number
  places: Places
  range: Range | null
  extent: Range | null
  onRange: (range: Range | null) => void
  marks: readonly Mark[]
}

/** What each epoch came to, as a curve and as numbers. Never smoothed: each is a figure of its own. */
export function Epochs({ run: { id, number, epochs }, stepsPerEpoch, places, ...chart }: Props) {
  const drawn = useMemo(() => {
    const curve = (figureOf: (epoch: Epoch) => number | null) =>
      epochs.flatMap((epoch): Placed[] => {
        const x = places.ofStep(epoch.epoch * stepsPerEpoch)
        return x === null ? [] : [[x, figureOf(epoch)]]
      })
    const { xs, values } = align([
      curve(({ trainAccuracy }) => trainAccuracy),
      curve(({ testAccuracy }) => testAccuracy),
    ])
    const curves = [
      { label: 'training accuracy', token: '--series-1', dots: true, values: values[0]! },
      { label: 'test accuracy', token: '--series-2', dots: true, dash: [6, 4], values: values[1]! },
    ]
    return { xs, curves }
  }, [epochs, stepsPerEpoch, places])
  if (epochs.length === 0) return null
  return (
    <Panel title="Epochs" anchor="epochs" query={{ text: QUERY, variables: { number } }}>
      <div class="columns">
        <Chart
          label={`Accuracy of run ${number}`}
          yLabel="accuracy"
          axis={places.axis}
          format={percent}
          isShare
          height={240}
          cursor={`run-${number}`}
          csv={() => csvOfEpochs([id])}
          {...chart}
          {...drawn}
        />
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

/** All epochs of some runs, by code that only who saves them loads. */
export const csvOfEpochs = async (ids: readonly string[]) => (await import('./epochs-csv.ts')).epochsCsv(ids)
