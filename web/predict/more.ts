import { useEffect, useState } from 'preact/hooks'
import { OperationError } from '../../src/client/errors.ts'
import type { Document } from '../../src/client/graphql.ts'
import { client } from '../live/api.ts'
import { expectMember } from '../live/mutate.ts'
import type { Answer, Source } from './documents.ts'

type Asked = { predict: { __typename: string; message?: string } }
type Prediction<Result extends Asked> = Extract<Result['predict'], { __typename: 'Prediction' }>

export interface More<Told> {
  /** Null until it is answered, and when nothing is asked. */
  told: Told | null
  error: Error | null
  /** How far the server is with what it must make first, in a sentence. */
  progress: string | null
}

const NOTHING = { told: null, error: null, progress: null }

/**
 * What more is wanted of an answer. One that is not stored has no id that leads to it: it is asked with the picture, of
 * the very weights that answered, whatever an alias names by now. What is not ready yet is asked for until it is.
 *
 * @param question  the other variables of the document; null asks nothing
 */
export function useMore<Result extends Asked>(
  document: Document<Result, never>,
  source: Source,
  answer: Answer,
  question: object | null,
): More<Prediction<Result>> {
  const { id } = answer.modelVersion
  const key = JSON.stringify([id, question])
  const [state, setState] = useState<More<Prediction<Result>> & { key: string }>({ ...NOTHING, key: '' })
  useEffect(() => {
    if (question === null) return
    const leaving = new AbortController()
    const { signal } = leaving
    const tell = (news: Partial<More<Prediction<Result>>>) => {
      if (!signal.aborted) setState({ ...NOTHING, ...news, key })
    }
    const variables = { input: { image: source, model: { versionId: id } }, ...question } as never
    const ask = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          const { predict } = await client.query(document, variables, { signal, retry: true })
          return tell({ told: expectMember(predict, 'Prediction') as Prediction<Result> })
        } catch (error) {
          if (!(error instanceof OperationError && error.code === 'NOT_READY')) {
            return tell({ error: error as Error })
          }
          // The server answers when it is ready, or after a while: this asks every ten seconds or so.
          tell({ progress: error.message })
        }
      }
    }
    void ask()
    return () => leaving.abort()
  }, [key])
  return state.key === key ? state : NOTHING
}
