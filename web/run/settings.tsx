import { bytes, count, rate, words } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import type { Details } from './details.ts'

type Hyperparameters = Details['hyperparameters']

/** What the run was told, and where it comes from: enough to do it again. */
export function Settings({ run }: { run: Details }) {
  const it = run.hyperparameters
  const { augmentation } = it
  const rows: [string, string][] = [
    ['Preset', it.preset ?? 'none'],
    ['Epochs', String(it.epochs)],
    ['Batch size', String(it.batchSize)],
    ['Learning rate', rate(it.learningRate)],
    ['Schedule', scheduleText(it.schedule)],
    ['Optimizer', optimizerText(it.optimizer)],
    ['Label smoothing', rate(it.labelSmoothing)],
    [
      'Augmentation',
      [
        augmentation.horizontalFlip && 'flip',
        augmentation.cropPadding > 0 && `crop ${augmentation.cropPadding}`,
        augmentation.cutout > 0 && `cutout ${augmentation.cutout}`,
      ]
        .filter(Boolean)
        .join(', ') || 'none',
    ],
    [
      'Early stopping',
      it.earlyStopping === null
        ? 'none'
        : `${words(it.earlyStopping.metric)}, patience ${it.earlyStopping.patience}`,
    ],
    ['Training images', it.trainLimit === null ? 'all' : count(it.trainLimit)],
    ['Test images', it.testLimit === null ? 'all' : count(it.testLimit)],
    ['Loss logged every', `${it.logEvery} steps`],
    ['Seed', String(run.seed)],
    [
      'Engine',
      run.engine === null ? 'not chosen yet' : `${run.engine.kind.toLowerCase()}, ${run.engine.device}`,
    ],
    ['Memory, at most', bytes(run.progress.peakMemoryBytes)],
    [
      'Data set',
      `${run.dataset.name}${run.datasetDigest === null ? '' : ` ${run.datasetDigest.slice(0, 12)}`}`,
    ],
    ['Attempts', String(run.attempt)],
  ]
  return (
    <Panel title="Settings and provenance">
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

function scheduleText(schedule: Hyperparameters['schedule']): string {
  switch (schedule.__typename) {
    case 'StepSchedule':
      return `times ${schedule.gamma} every ${schedule.epochs} epochs`
    case 'CosineSchedule':
      return `cosine to ${rate(schedule.finalLearningRate)}, ${schedule.warmupEpochs} epochs of warm-up`
    case 'OneCycleSchedule':
      return `one cycle, ${100 * schedule.warmupFraction} % rising`
    default:
      return 'constant'
  }
}

function optimizerText(optimizer: Hyperparameters['optimizer']): string {
  if (optimizer.__typename === 'Sgd') {
    const { momentum, nesterov, weightDecay } = optimizer
    return `SGD, momentum ${momentum}${nesterov ? ' (Nesterov)' : ''}, weight decay ${rate(weightDecay)}`
  }
  return `Adam, betas ${optimizer.beta1} and ${optimizer.beta2}, weight decay ${rate(optimizer.weightDecay)}`
}
