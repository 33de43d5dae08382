import { bytes, duration, words } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import type { Plan } from './documents.ts'

const PARTS: readonly [keyof Plan['memory'], string][] = [
  ['activations', 'Activations of a batch'],
  ['workspace', 'Workspace of the kernels'],
  ['weights', 'Weights'],
  ['gradients', 'Gradients'],
  ['optimizer', 'Optimizer'],
  ['dataset', 'Data set'],
  ['saving', 'Saving'],
  ['process', 'Node and TensorFlow.js'],
]

/** What training a network would take on this machine. */
export function PlanFigures({ plan }: { plan: Plan }) {
  const { engine, fits, secondsPerEpoch, trainingMemoryBytes, memory } = plan
  return (
    <>
      <Figures
        of={[
          ['Memory at its peak', bytes(trainingMemoryBytes)],
          ['Fits this machine', fits ? 'yes' : 'no: less memory is free'],
          ['An epoch', secondsPerEpoch === null ? 'not known yet' : duration(secondsPerEpoch)],
          ['Engine', engine === null ? 'none' : words(engine)],
        ]}
      />
      <details class="small">
        <summary>What takes how much memory</summary>
        <dl class="settings">
          {PARTS.map(([part, name]) => (
            <div key={part}>
              <dt>{name}</dt>
              <dd>{bytes(memory[part])}</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  )
}
