import { useState } from 'preact/hooks'
import { useStream } from '../live/stream.ts'
import { DATASET_CHANGED, type Dataset } from './documents.ts'

/** A data set as it is now, whoever fetches it. */
export function useLive(asked: Dataset): Dataset {
  const [live, setLive] = useState<Dataset | null>(null)
  useStream(DATASET_CHANGED, { name: asked.name }, ({ datasetChanged }) => setLive(datasetChanged))
  return live ?? asked
}
