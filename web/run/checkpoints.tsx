import { graphql } from '../../src/client/graphql.ts'
import { bytes, count, moment, percent } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import type { Details } from './details.ts'

const QUERY = graphql(`
  query Checkpoints($number: Int!) {
    trainingRun(number: $number) {
      checkpoints { step epoch bytes createdAt testAccuracy }
      modelVersions { version accuracy model { name } }
    }
  }
`)

/** What can be gone on from, and what came of the run. */
export function Checkpoints({ run }: { run: Details }) {
  const { checkpoints, modelVersions, bestStep } = run
  if (checkpoints.length + modelVersions.length === 0) return null
  return (
    <Panel
      title="Checkpoints and versions"
      anchor="checkpoints"
      query={{ text: QUERY, variables: { number: run.number } }}
    >
      {modelVersions.map(({ model, version, accuracy, downloads }) => (
        <p key={`${model.name} ${version}`}>
          <a href={`/models/${encodeURIComponent(model.name)}/${version}`}>
            {model.name} version {version}
          </a>{' '}
          <span class="muted">{percent(accuracy)}</span> ·{' '}
          <a href={`/predict?model=${encodeURIComponent(model.name)}@${version}`}>Show it a picture</a> ·{' '}
          <a href={downloads.safetensors.url} download>
            safetensors
          </a>
        </p>
      ))}
      {checkpoints.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
        <section class="scroll" tabIndex={0} aria-label="Checkpoints">
          <table>
            <thead>
              <tr>
                <th scope="col">Step</th>
                {['Epoch', 'Test accuracy', 'Size', 'Saved'].map((name) => (
                  <th key={name} scope="col" class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {checkpoints.map(({ step, epoch, testAccuracy, bytes: size, createdAt }) => (
                <tr key={step}>
                  <th scope="row">
                    {count(step)}
                    {step === bestStep && ' (best)'}
                  </th>
                  <td class="number">{epoch}</td>
                  <td class="number">{percent(testAccuracy)}</td>
                  <td class="number">{bytes(size)}</td>
                  <td class="number">{moment(createdAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Panel>
  )
}
