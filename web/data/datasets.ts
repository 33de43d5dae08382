import { useEffect } from 'preact/hooks'
import { type Asked, useQuery } from '../live/query.ts'
import { useRunsChanged } from '../live/runs-changed.ts'
import { DATASETS, type Dataset } from './documents.ts'

/** No subscription tells how far a fetch is. */
const POLL_MS = 500

/** What the server knows of its data sets, as it is now. */
export function useDatasets(): Asked<{ datasets: readonly Dataset[] }> {
  const asked = useQuery(DATASETS, {})
  const isFetching = asked.data?.datasets.some(({ state }) => state === 'FETCHING') ?? false
  useEffect(() => {
    if (!isFetching) return
    const timer = setInterval(asked.refresh, POLL_MS)
    return () => clearInterval(timer)
  }, [isFetching])
  // A run fetches what it needs.
  useRunsChanged((change) => {
    if (change === 'list') asked.refresh()
  })
  return asked
}
