import { useStream } from '../live/stream.ts'
import { MODELS_CHANGED } from './documents.ts'

/** Hears when a model has other versions, evaluations or aliases than before. */
export function useModelsChanged(onChange: () => void): void {
  useStream(MODELS_CHANGED, {}, onChange)
}
