import { useRunsChanged } from '../live/runs-changed.ts'
import { useStream } from '../live/stream.ts'
import { MODELS_CHANGED } from './documents.ts'

/** Hears when there may be another version, as of a run that has ended, or an alias that names another one. */
export function useModelsChanged(onChange: () => void): void {
  useStream(MODELS_CHANGED, {}, onChange)
  useRunsChanged((change) => {
    if (change === 'list') onChange()
  })
}
