import { graphql } from '../../src/client/graphql.ts'
import { bytes, count, counted, rate } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import type { Details } from './details.ts'
import { HYPERPARAMETERS } from './hyperparameters.ts'
import {
  augmentationText,
  classWeightsText,
  earlyStoppingText,
  optimizerText,
  scheduleText,
  transferText,
} from './settings-text.ts'

const QUERY = graphql(
  `
    query Settings($number: Int!) {
      trainingRun(number: $number) {
        seed
        attempt
        datasetDigest
        engine { kind device }
        transfer { frozenLayers newLayers headLearningRate }
        hyperparameters { ...HyperparameterFacts }
        forks { number name }
      }
    }
  `,
  [HYPERPARAMETERS],
)

/** What the run was told, and where it comes from: enough to do it again. */
export function Settings({ run }: { run: Details }) {
  const it = run.hyperparameters
  const rows: [string, string][] = [
    ['Preset', it.preset ?? 'none'],
    ['Epochs', String(it.epochs)],
    ['Batch size', String(it.batchSize)],
    ['Learning rate', rate(it.learningRate)],
    ['Schedule', scheduleText(it.schedule)],
    ['Optimizer', optimizerText(it.optimizer)],
    ['Label smoothing', rate(it.labelSmoothing)],
    ['Class weights', classWeightsText(it.classWeights)],
    ['Augmentation', augmentationText(it.augmentation)],
    ['Early stopping', earlyStoppingText(it.earlyStopping)],
    ['Training images', it.trainLimit === null ? 'all' : count(it.trainLimit)],
    ['Test images', it.testLimit === null ? 'all' : count(it.testLimit)],
    ['Loss logged every', counted(it.logEvery, 'step')],
    ['Weights', transferText(run.transfer)],
    ['Seed', String(run.seed)],
    [
      'Engine',
      run.engine === null ? 'not chosen yet' : `${run.engine.kind.toLowerCase()}, ${run.engine.device}`,
    ],
    ['Memory, at most', bytes(run.progress.peakMemoryBytes)],
    [
      'Data set',
      `${run.dataset.reference}${run.datasetDigest === null ? '' : ` ${run.datasetDigest.slice(0, 12)}`}`,
    ],
    ['Attempts', String(run.attempt)],
  ]
  return (
    <Panel
      title="Settings and provenance"
      anchor="settings"
      query={{ text: QUERY, variables: { number: run.number } }}
    >
      <dl class="settings small">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {run.forks.length > 0 && (
        <p class="small">
          Forks:{' '}
          {run.forks.map((fork, i) => (
            <span key={fork.number}>
              {i > 0 && ', '}
              <a href={`/runs/${fork.number}`}>
                #{fork.number} {fork.name}
              </a>
            </span>
          ))}
        </p>
      )}
    </Panel>
  )
}
