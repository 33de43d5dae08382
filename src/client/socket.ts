import {
  type Client,
  createClient,
  type FormattedExecutionResult,
  type SubscribePayload,
} from 'graphql-ws/client'
import { pauseBefore } from './wait.ts'

/** An answer that takes longer is none: the socket is dead, though nobody has said so. */
const PONG_MS = 2000
/** A socket on which nothing happens is tried as often. */
const PING_EVERY_MS = 10_000
/** A connection that is not there by then never will be. */
const CONNECT_MS = 10_000
/** What is subscribed to next, within this time after the last subscription, finds the socket still open. */
const LINGER_MS = 1000

/** idle: nothing is subscribed to, and nothing is connected. */
export interface Connection {
  readonly status: 'idle' | 'connected' | 'disconnected'
  /** Since when, in milliseconds as Date.now counts them. */
  readonly since: number
  /** What the last try ran into. */
  readonly reason?: string
}

export interface Subscriber {
  next(result: FormattedExecutionResult<Record<string, unknown>, Record<string, unknown>>): void
  /** Errors of the server, or how the socket was closed for good. */
  error(error: unknown): void
  complete(): void
}

export interface Socket {
  /** The payload is sent again, as it is then, whenever the connection was lost. Answers what ends it. */
  subscribe(payload: SubscribePayload, subscriber: Subscriber): () => void
  readonly connection: Connection
  onConnection(listener: (connection: Connection) => void): () => void
  reconnectNow(): void
  dispose(): void
}

/** One socket for all subscriptions, connected while there is one, and again for as long as it takes. */
export function openSocket(options: {
  url: string
  WebSocket?: unknown
  /** Sent whenever it is opened. */
  params?(): Promise<Record<string, string>>
}): Socket {
  let connection: Connection = { status: 'idle', since: Date.now() }
  const listeners = new Set<(connection: Connection) => void>()
  const become = (status: Connection['status'], reason?: string) => {
    if (status === connection.status && reason === connection.reason) return
    const since = status === connection.status ? connection.since : Date.now()
    connection = { status, since, ...(reason !== undefined && { reason }) }
    for (const listener of [...listeners]) listener(connection)
  }

  let subscriptions = 0
  let raw: { send(text: string): void } | null = null
  let pinging: ReturnType<typeof setInterval> | undefined
  let watchdog: ReturnType<typeof setTimeout> | undefined
  let connectingSince: number | null = null
  let endPause: (() => void) | null = null
  let lastError: string | undefined

  /** Closes the socket and begins anew unless the server is heard of in time. */
  const expect = (ms: number) => {
    clearTimeout(watchdog)
    watchdog = setTimeout(() => client.terminate(), ms)
  }
  const heard = () => {
    clearTimeout(watchdog)
    watchdog = undefined
  }
  const ping = () => {
    // One that is being waited for already is not to get more time.
    if (raw === null || watchdog !== undefined) return
    raw.send('{"type":"ping"}')
    expect(PONG_MS)
  }

  const client: Client = createClient({
    url: options.url,
    webSocketImpl: options.WebSocket,
    connectionParams: options.params,
    lazyCloseTimeout: LINGER_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    // A refused connection comes as an error and not as a close event.
    shouldRetry: () => true,
    retryWait: (tries) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => endPause?.(), pauseBefore(tries))
        endPause = () => {
          clearTimeout(timer)
          endPause = null
          resolve()
        }
      }),
    on: {
      connecting() {
        connectingSince = Date.now()
        lastError = undefined
        become('disconnected', connection.reason)
        expect(CONNECT_MS)
      },
      connected(socket) {
        connectingSince = null
        heard()
        raw = socket as typeof raw
        clearInterval(pinging)
        pinging = setInterval(ping, PING_EVERY_MS)
        become('connected')
      },
      message: heard,
      error(error) {
        lastError = messageOf(error)
      },
      closed(event) {
        connectingSince = null
        raw = null
        clearInterval(pinging)
        heard()
        if (subscriptions === 0) become('idle')
        else become('disconnected', lastError ?? closeReason(event))
      },
    },
  })

  return {
    subscribe(payload, subscriber) {
      subscriptions++
      let isOver = false
      const over = () => {
        if (isOver) return
        isOver = true
        // Nobody is told when a connection is given up that was not there yet.
        if (--subscriptions === 0 && connection.status === 'disconnected') become('idle')
      }
      const unsubscribe = client.subscribe<Record<string, unknown>, Record<string, unknown>>(payload, {
        next: (result) => subscriber.next(result),
        error(error) {
          over()
          subscriber.error(error)
        },
        complete() {
          over()
          subscriber.complete()
        },
      })
      return () => {
        over()
        unsubscribe()
      }
    },
    get connection() {
      return connection
    },
    onConnection(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reconnectNow() {
      if (connectingSince !== null && Date.now() - connectingSince > PONG_MS) client.terminate()
      endPause?.()
      ping()
    },
    dispose() {
      clearInterval(pinging)
      heard()
      endPause?.()
      void client.dispose()
    },
  }
}

function messageOf(error: unknown): string | undefined {
  const message = (error as { message?: unknown } | null)?.message
  return typeof message === 'string' && message !== '' ? message : undefined
}

function closeReason(event: unknown): string {
  const { code, reason } = event as { code?: number; reason?: string }
  if (code === 4499) return 'The server did not answer in time.'
  if (reason !== undefined && reason !== '') return reason
  return code === 1006 || code === undefined
    ? 'The connection was lost.'
    : `The connection was closed (${code}).`
}
