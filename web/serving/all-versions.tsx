import { count, milliseconds, perSecond } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { batchSize, QUERY, type Serving, useServing } from './live.ts'
import './serving.css'

const COLUMNS = ['Rate', 'Batch size', 'p50', 'p90', 'p99', 'Answered', 'Refused', 'Failed']

/** How fast each version answers that was asked lately. */
export function AllServing() {
  const versions = useServing()
  if (versions === null) return null
  return (
    <Panel title="Predictions of the last five minutes" query={{ text: QUERY }}>
      {versions.length === 0 ? (
        <p class="muted">No model was asked in the last five minutes.</p>
      ) : (
        <Versions of={versions} />
      )}
    </Panel>
  )
}

function Versions({ of: versions }: { of: readonly Serving[] }) {
  const sumOf = (figure: 'predictionsPerSecond' | 'answered' | 'refused' | 'failed') =>
    versions.reduce((sum, version) => sum + version[figure], 0)
  return (
    <>
      <Figures
        of={[
          ['Predictions', perSecond(sumOf('predictionsPerSecond'))],
          ['Answered', count(sumOf('answered'))],
          ['Refused', count(sumOf('refused'))],
          ['Failed', count(sumOf('failed'))],
        ]}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Predictions by model version">
        <table class="serving">
          <thead>
            <tr>
              <th scope="col">Model version</th>
              {COLUMNS.map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {versions.map((it) => (
              <tr key={it.modelVersion.id}>
                <th scope="row">
                  <a
                    href={`/models/${encodeURIComponent(it.modelVersion.model.name)}/${it.modelVersion.version}`}
                  >
                    {it.modelVersion.model.name} {it.modelVersion.version}
                  </a>
                </th>
                <td class="number">{perSecond(it.predictionsPerSecond)}</td>
                <td class="number">{batchSize(it)}</td>
                <td class="number">{milliseconds(it.latency?.p50)}</td>
                <td class="number">{milliseconds(it.latency?.p90)}</td>
                <td class="number">{milliseconds(it.latency?.p99)}</td>
                <td class="number">{count(it.answered)}</td>
                <td class="number">{count(it.refused)}</td>
                <td class="number">{count(it.failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="small muted">
        From a request to its answer: half of all took no longer than p50, 90 % than p90, 99 % than p99. The
        page of a version tells what the time went into.
      </p>
    </>
  )
}
