import { useEffect } from 'preact/hooks'
import { client } from './api.ts'

/**
 * Hears when something happens in a run that its page shows: anything but points of its curve, which come by
 * themselves. It begins behind what the page has, and misses nothing.
 */
export function useEvents(run: { id: string; cursor: string } | null, onEvent: () => void): void {
  useEffect(() => {
    if (run === null) return
    const leaving = new AbortController()
    const read = async () => {
      try {
        for await (const event of client.follow(run.id, { after: run.cursor, signal: leaving.signal })) {
          if (event.__typename !== 'LossPoints') onEvent()
        }
      } catch (error) {
        // The run was deleted: the query says so.
        if (!leaving.signal.aborted) onEvent()
        else if (error !== leaving.signal.reason) throw error
      }
    }
    void read()
    return () => leaving.abort()
    // The stream goes on by itself: it is begun once, behind what was known then.
  }, [run?.id])
}
