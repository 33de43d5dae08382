import { count, milliseconds, perSecond } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { batchSize, QUERY, type Serving, useServing } from './live.ts'
import './serving.css'

const PARTS = [
  ['latency', 'The whole', 'from the request to the answer, with the way to the predictor and back'],
  ['decode', 'Decoding', 'reads the picture and makes it fit the network'],
  ['queue', 'Queue', 'waits for those that came before, or for the weights'],
  ['compute', 'Computing', 'is the forward pass, with all pictures of its batch'],
] as const

/** How fast a version answers, and what the time goes into. */
export function VersionServing({ id }: { id: string }) {
  const versions = useServing(id)
  if (versions === null) return null
  const [serving] = versions
  return (
    <Panel title="Predictions of the last five minutes" query={{ text: QUERY, variables: { version: id } }}>
      {serving === undefined ? (
        <p class="muted">Nobody asked this version in the last five minutes.</p>
      ) : (
        <Shown serving={serving} />
      )}
    </Panel>
  )
}

function Shown({ serving }: { serving: Serving }) {
  return (
    <>
      <Figures
        of={[
          ['Rate', perSecond(serving.predictionsPerSecond)],
          ['Batch size', batchSize(serving)],
          ['Answered', count(serving.answered)],
          ['Refused', count(serving.refused)],
          ['Failed', count(serving.failed)],
        ]}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="What the time goes into">
        <table class="serving">
          <thead>
            <tr>
              <th scope="col">Time</th>
              {['p50', 'p90', 'p99'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
              <th scope="col">What it is</th>
            </tr>
          </thead>
          <tbody>
            {PARTS.map(([part, name, what]) => (
              <tr key={part}>
                <th scope="row">{name}</th>
                <td class="number">{milliseconds(serving[part]?.p50)}</td>
                <td class="number">{milliseconds(serving[part]?.p90)}</td>
                <td class="number">{milliseconds(serving[part]?.p99)}</td>
                <td class="muted">{what}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="small muted">Half of the answers took no longer than p50, 90 % than p90, 99 % than p99.</p>
    </>
  )
}
