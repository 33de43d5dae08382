import { useState } from 'preact/hooks'
import { useStream } from '../live/stream.ts'
import { DATASET_CHANGED, type Dataset } from './documents.ts'

/** A data set as it is now, whoever fetches or imports it. */
export function useLive<Asked extends Dataset>(asked: Asked, isFollowed = true): Asked | (Asked & Dataset) {
  const [live, setLive] = useState<Dataset | null>(null)
  const { reference } = asked
  useStream(DATASET_CHANGED, isFollowed ? { name: reference } : null, ({ datasetChanged }) => {
    if (datasetChanged.reference === reference) setLive(datasetChanged)
  })
  return isFollowed && live?.reference === reference ? { ...asked, ...live } : asked
}

/** Whether it changes by itself. */
export function isUnderWay({ state }: Pick<Dataset, 'state'>): boolean {
  return state === 'FETCHING' || state === 'IMPORTING'
}

/** Where a data set, or one version of it, is looked at. */
export function addressOf(reference: string): string {
  // An @ may stand in a path.
  return `/data/${encodeURIComponent(reference).replaceAll('%40', '@')}`
}
