import { useEffect, useState } from 'preact/hooks'
import { client } from '../live/api.ts'
import { type Answer, ASK, ASK_AND_KEEP, type ModelRef, type Source } from './documents.ts'

export type Asking =
  /** From 0 to 1: how much of the picture has been sent. */
  | { state: 'asked'; sent: number }
  | { state: 'answered'; answer: Answer; kept: boolean }
  | { state: 'refused'; message: string; reason: string | null }

/**
 * Shows a picture to a model, again whenever the model is another one.
 * @param threshold  least confidence, 0 to 1, with which a picture is of one of the classes; null for none
 * @param weights  tells weights apart that `model` alone does not: what an alias names just now
 */
export function useAsking(
  source: Source,
  model: ModelRef,
  weights: string,
  keep: boolean,
  threshold: number | null,
): Asking {
  const [asking, setAsking] = useState<Asking>({ state: 'asked', sent: 0 })
  useEffect(() => {
    const leaving = new AbortController()
    const tell = (next: Asking) => {
      if (!leaving.signal.aborted) setAsking(next)
    }
    const ask = async (): Promise<Asking> => {
      // The client tells how far an upload is for anything that is sent as a mutation is; a query stays a query.
      const { predict: result } = await client.mutate(
        keep ? (ASK_AND_KEEP as typeof ASK) : ASK,
        { input: { image: source, model, threshold } },
        {
          signal: leaving.signal,
          retry: true,
          onProgress: ({ sent, total }) => tell({ state: 'asked', sent: total === 0 ? 1 : sent / total }),
        },
      )
      if (result.__typename === 'Prediction') return { state: 'answered', answer: result, kept: keep }
      return {
        state: 'refused',
        message: result.message,
        reason: result.__typename === 'UnsupportedImageError' ? result.reason : null,
      }
    }
    tell({ state: 'asked', sent: 0 })
    ask().then(tell, (error: Error) => tell({ state: 'refused', message: error.message, reason: null }))
    return () => leaving.abort()
  }, [weights, keep, threshold])
  return asking
}
