import type { ComponentChildren } from 'preact'
import { count, counted, duration, loss, moment, percent, rate, words } from '../format.ts'
import type { RunCard } from '../live/runs-changed.ts'
import { Status } from '../parts/status.tsx'
import { augmentationText, earlyStoppingText, optimizerText, scheduleText } from '../run/settings-text.ts'
import type { Listed, Settings } from './list.ts'
import { Sparkline } from './sparkline.tsx'
import type { Trace } from './traces.ts'
import type { SortName } from './view.ts'

/** All that is known of a run that stands in a row. */
export interface Row {
  listed: Listed
  card: RunCard
  settings: Settings | undefined
  trace: Trace | undefined
}

export interface Column {
  /** As the address has it. */
  id: string
  title: string
  /** Stands at the end of its cell. */
  number?: boolean
  sort?: SortName
  show(row: Row): ComponentChildren
}

/** What each run came to, and how far it is. The newer of what was listed and what was asked for since. */
const FIGURES: readonly Column[] = [
  { id: 'status', title: 'Status', show: ({ card }) => <Status status={card.status} /> },
  {
    id: 'curve',
    title: 'Loss',
    show: ({ trace }) => (trace === undefined ? null : <Sparkline losses={trace.losses} />),
  },
  {
    id: 'progress',
    title: 'Progress',
    number: true,
    show: ({ card: { progress } }) =>
      progress.steps === 0 ? '–' : percent(progress.step / progress.steps, 0),
  },
  {
    id: 'accuracy',
    title: 'Best test accuracy',
    number: true,
    sort: 'accuracy',
    show: ({ listed, trace }) => percent((trace ?? listed).bestTestAccuracy),
  },
  {
    id: 'loss',
    title: 'Test loss',
    number: true,
    sort: 'loss',
    show: ({ listed, trace }) => loss((trace ?? listed).lastTestLoss),
  },
  {
    id: 'duration',
    title: 'Trained for',
    number: true,
    sort: 'duration',
    show: ({ listed, trace }) => duration((trace ?? listed).seconds),
  },
  {
    id: 'speed',
    title: 'Images/s',
    number: true,
    sort: 'speed',
    show: ({ card }) => count(card.progress.imagesPerSecond),
  },
  {
    id: 'started',
    title: 'Started',
    number: true,
    show: ({ card }) => moment(card.startedAt ?? card.createdAt),
  },
]

const UNKNOWN = '–'

interface Setting {
  id: string
  title: string
  /** Differs by its nature, or decides nothing of what a run comes to: shown when it is asked for. */
  onDemand?: boolean
  text(row: Row): string
}

function setting(
  id: string,
  title: string,
  text: (settings: Settings, it: Settings['hyperparameters']) => string,
  onDemand = false,
): Setting {
  const ofRow = ({ settings }: Row) =>
    settings === undefined ? '' : text(settings, settings.hyperparameters)
  return { id, title, text: ofRow, onDemand }
}

const SETTINGS: readonly Setting[] = [
  { id: 'network', title: 'Network', text: ({ card }) => card.architecture.name },
  { id: 'notes', title: 'Notes', text: ({ listed }) => listed.notes },
  setting('dataset', 'Data set', ({ dataset }) => dataset.reference),
  setting('preset', 'Preset', (_run, { preset }) => preset ?? 'none'),
  setting('epochs', 'Epochs', (_run, { epochs }) => String(epochs)),
  setting('trainLimit', 'Training images', (_run, it) =>
    it.trainLimit === null ? 'all' : count(it.trainLimit),
  ),
  setting('testLimit', 'Test images', (_run, it) => (it.testLimit === null ? 'all' : count(it.testLimit))),
  setting('batchSize', 'Batch size', (_run, { batchSize }) => String(batchSize)),
  setting('learningRate', 'Learning rate', (_run, { learningRate }) => rate(learningRate)),
  setting('schedule', 'Schedule', (_run, { schedule }) => scheduleText(schedule)),
  setting('optimizer', 'Optimizer', (_run, { optimizer }) => optimizerText(optimizer)),
  setting('labelSmoothing', 'Label smoothing', (_run, it) => rate(it.labelSmoothing)),
  setting('augmentation', 'Augmentation', (_run, it) => augmentationText(it.augmentation)),
  setting('earlyStopping', 'Early stopping', (_run, it) => earlyStoppingText(it.earlyStopping)),
  setting('onNonFinite', 'Not finite', (_run, { onNonFinite }) => words(onNonFinite)),
  setting('engine', 'Engine', ({ engine }) => engine?.kind.toLowerCase() ?? UNKNOWN),
  setting('logEvery', 'Logged every', (_run, { logEvery }) => counted(logEvery, 'step'), true),
  setting('seed', 'Seed', ({ seed }) => String(seed), true),
]

/** Shown when the address does not say which; of the settings, those that differ. */
const USUAL = ['status', 'curve', 'accuracy', 'loss', 'duration', 'speed']

export const COLUMNS: readonly Column[] = [
  ...FIGURES,
  ...SETTINGS.map(
    (setting): Column => ({
      id: setting.id,
      title: setting.title,
      show: (row) => {
        const text = setting.text(row)
        return (
          <span class="cut" title={text}>
            {text}
          </span>
        )
      },
    }),
  ),
]

/** The columns that are shown of these runs. */
export function columnsOf(rows: readonly Row[], asked: readonly string[] | null): readonly Column[] {
  if (asked !== null) return COLUMNS.filter(({ id }) => asked.includes(id))
  const differing = SETTINGS.filter(({ text, onDemand }) => !onDemand && differs(rows, text)).map(
    ({ id }) => id,
  )
  return COLUMNS.filter(({ id }) => USUAL.includes(id) || differing.includes(id))
}

/** What a run does not have yet is no other value. */
function differs(rows: readonly Row[], text: Setting['text']): boolean {
  const known = new Set(rows.map(text))
  known.delete(UNKNOWN)
  return known.size > 1
}
