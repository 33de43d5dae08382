import type { Event } from './runs.ts'
import { type ServerOptions, startServer, type TestServer } from './server.ts'

/** A server that comes back with the same data however often it is killed. */
export interface Survivor {
  /** The one that lives now. */
  server(): Promise<TestServer>
  /** Kills it (SIGKILL) and starts the next. */
  kill(): Promise<void>
}

export async function startSurvivor(options: ServerOptions): Promise<Survivor> {
  let current = Promise.resolve(await startServer(options))
  return {
    server: () => current,
    async kill() {
      const dead = await current
      const next = dead.stop('SIGKILL').then(() => startServer({ ...options, dataDir: dead.dataDir }))
      current = next
      await next
    },
  }
}

/**
 * What a subscriber gets that reconnects with the cursor of its last event, whatever happens to the server, until the
 * run has COMPLETED.
 * @param seen  called with each event as it comes
 */
export async function followThrough(
  survivor: Pick<Survivor, 'server'>,
  query: string,
  id: string,
  seen: (event: Event) => void = () => {},
): Promise<Event[]> {
  const events: Event[] = []
  while (events.at(-1)?.status !== 'COMPLETED') {
    const server = await survivor.server()
    const after = events.at(-1)?.cursor ?? null
    try {
      for await (const { data, errors } of server.subscribe(query, { id, after })) {
        if (errors !== undefined) throw new Error(errors[0].message)
        const event = data.trainingRunEvents
        events.push(event)
        seen(event)
      }
    } catch (error) {
      // Its connection broke with the server; what the server itself says is wrong is.
      if ((await survivor.server()) === server && !isClosed(error)) throw error
    }
  }
  return events
}

function isClosed(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string }
  return typeof code === 'number' || /ECONNREFUSED|ECONNRESET|socket|closed/i.test(message)
}
