import { useState } from 'preact/hooks'
import { client } from './api.ts'

/** A result union's member: what was asked for, or why not. */
type Member = { __typename: string; message?: string }

export interface Doing {
  /** It was asked, and is not answered yet. */
  readonly asked: boolean
  /** Why it was not done. */
  readonly error: Error | null
  /** Asks; answers what was made, and null when it was not done. A second ask meanwhile does nothing. */
  run<Answer>(ask: (to: typeof client) => Promise<Answer>): Promise<Answer | null>
}

/** Something that a person asks for, once a click. */
export function useDoing(): Doing {
  const [asked, setAsked] = useState(false)
  const [error, setError] = useState<Error | null>(null)
  return {
    asked,
    error,
    async run(ask) {
      if (asked) return null
      setAsked(true)
      setError(null)
      try {
        return await ask(client)
      } catch (reason) {
        setError(reason as Error)
        return null
      } finally {
        setAsked(false)
      }
    },
  }
}

/**
 * The member of a result union that was asked for.
 * @throws an Error with the message of any other member
 */
export function expectMember<Union extends Member, Name extends Union['__typename']>(
  result: Union,
  name: Name,
): Extract<Union, { __typename: Name }> {
  if (result.__typename === name) return result as Extract<Union, { __typename: Name }>
  throw new Error(result.message ?? `The server answered with ${result.__typename}.`)
}
