import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

// biome-ignore lint/suspicious/noExplicitAny: a demo reads the fields that its own queries select
export type Data = any

/** GraphQL as any program would speak it. */
export interface DemoClient {
  query(document: string, variables?: Record<string, unknown>): Promise<Data>
  /** Calls back for each item; resolves when the stream completes. A lost connection is taken up again. */
  watch(
    document: string,
    variables: () => Record<string, unknown>,
    onItem: (data: Data) => void,
  ): Promise<void>
}

const RECONNECTS = 10

export function connectTo(url: string): DemoClient {
  return {
    async query(query, variables) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      })
      const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] }
      if (errors !== undefined) throw new Error(errors.map((error) => error.message).join('\n'))
      return data
    },
    async watch(query, variables, onItem) {
      // A subscription that is begun again passes the last cursor, so nothing is missed or seen twice.
      for (let reconnects = 0; ; reconnects++) {
        const client = createClient({
          url: `${url.replace(/^http/, 'ws')}/graphql`,
          webSocketImpl: WebSocket,
          retryAttempts: 0,
        })
        try {
          for await (const { data, errors } of client.iterate({ query, variables: variables() })) {
            if (errors !== undefined) throw new RefusedError(errors[0].message)
            onItem(data)
          }
          return
        } catch (error) {
          if (error instanceof RefusedError || reconnects === RECONNECTS) throw error
        } finally {
          await client.dispose()
        }
      }
    },
  }
}

class RefusedError extends Error {}
