import { setTimeout as wait } from 'node:timers/promises'
import { type Client, createClient } from 'graphql-ws'
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
  close(): void
}

/** Milliseconds to wait before a lost connection is tried again; then it counts as gone. */
const RETRIES = [200, 400, 800, 1600]

export function connectTo(url: string): DemoClient {
  let socket: Client | undefined
  const gone = () => new Error(`The server at ${url} does not answer any more.`)
  return {
    async query(query, variables) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      })
        .then((it) => it.json() as Promise<{ data: Data; errors?: { message: string }[] }>)
        .catch(() => {
          throw gone()
        })
      if (response.errors !== undefined) {
        throw new Error(response.errors.map((error) => error.message).join('\n'))
      }
      return response.data
    },
    async watch(query, variables, onItem) {
      // A subscription that is begun again passes the last cursor, so nothing is missed or seen twice.
      for (let retry = 0; ; retry++) {
        socket = createClient({
          url: `${url.replace(/^http/, 'ws')}/graphql`,
          webSocketImpl: WebSocket,
          retryAttempts: 0,
        })
        try {
          for await (const { data, errors } of socket.iterate({ query, variables: variables() })) {
            if (errors !== undefined) throw new RefusedError(errors[0].message)
            retry = 0
            onItem(data)
          }
          return
        } catch (error) {
          if (error instanceof RefusedError) throw error
          if (Array.isArray(error)) throw new Error(error[0].message)
          if (retry === RETRIES.length) throw gone()
          await wait(RETRIES[retry])
        } finally {
          await socket.dispose()
        }
      }
    },
    close: () => void socket?.dispose(),
  }
}

class RefusedError extends Error {}
