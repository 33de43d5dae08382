import { DisposedError, type GraphQLErrorLike, OperationError, TransportError } from './errors.ts'
import { refusedFor } from './retry.ts'
import type { Socket } from './socket.ts'
import { pauseBefore } from './wait.ts'

/** Items that may wait for a slow reader of a stream that can be taken up again: beyond, it is, when they are read. */
const MOST_WAITING = 1000
/** A server that stops may still say that it failed; one that says so again and again has failed, or has no room. */
const FAILURES = 5
/** Close codes of a server that failed, as graphql-ws and RFC 6455 have them: what it refused is no better when it is sent again. */
const SERVER_FAILED = [1011, 4500]

export interface StreamOptions<Data, Item> {
  query: string
  variables: Readonly<Record<string, unknown>>
  /** What the reader gets of it; undefined for nothing. */
  select(data: Data): Item | undefined
  /** Variables with which the stream goes on behind this. */
  resume?(data: Data): Record<string, unknown>
  /** Asked when the server ends the stream: false when there is more, and it is to be taken up again. */
  isOver?(): Promise<boolean>
  signal?: AbortSignal
}

export interface OpenStream<Item> extends AsyncIterableIterator<Item> {
  dispose(): void
}

/**
 * The items of a subscription, whatever becomes of its connection: it is begun again with the same variables, those that
 * `resume` gives set in them. It is among the `open` ones until it ends. Ends with the server's end, or by `return`; throws an OperationError when the server refuses
 * it, and the signal's reason.
 */
export function openStream<Data, Item>(
  socket: Socket,
  open: Set<OpenStream<unknown>>,
  options: StreamOptions<Data, Item>,
): OpenStream<Item> {
  const { query, select, resume, isOver, signal } = options
  // The socket sends this object again after each loss of the connection.
  const payload = { query, variables: { ...options.variables } }
  const items: Item[] = []
  const readers: { resolve(result: IteratorResult<Item>): void; reject(error: unknown): void }[] = []
  let unsubscribe: (() => void) | null = null
  let end: { error?: unknown } | null = null
  let isFull = false
  let failures = 0
  let pause: ReturnType<typeof setTimeout> | undefined

  function finish(how: { error?: unknown } = {}): void {
    if (end !== null) return
    end = how
    unsubscribe?.()
    clearTimeout(pause)
    signal?.removeEventListener('abort', abort)
    for (const reader of readers.splice(0)) settle(reader)
    open.delete(stream)
  }
  const fail = (error: unknown) => finish({ error })
  const abort = () => fail(signal!.reason)

  /** What a reader gets when no item is there and none will come; an error once. */
  function settle(reader: (typeof readers)[number]): void {
    const { error } = end!
    end = {}
    if (error === undefined) reader.resolve({ done: true, value: undefined })
    else reader.reject(error)
  }

  function take(data: Data): void {
    failures = 0
    if (resume !== undefined) Object.assign(payload.variables, resume(data))
    const item = select(data)
    if (item === undefined) return
    const reader = readers.shift()
    if (reader === undefined) items.push(item)
    else reader.resolve({ done: false, value: item })
    isFull = resume !== undefined && items.length >= MOST_WAITING
    if (isFull) unsubscribe?.()
  }

  function again(pauseMs = pauseBefore(failures)): void {
    failures++
    pause = setTimeout(begin, pauseMs)
  }

  async function completed(): Promise<void> {
    try {
      if (isOver === undefined || (await isOver())) return finish()
    } catch (error) {
      // Without an answer nobody knows: the stream itself waits for the server.
      if (!(error instanceof TransportError)) return fail(error)
    }
    if (end === null) again()
  }

  function refused(error: unknown): void {
    const reason = refusalOf(error)
    const pauseMs = refusedFor(reason)
    const isStopping = reason?.code === 'INTERNAL_SERVER_ERROR' && isOver !== undefined
    const mayPass = reason === null || ((pauseMs !== null || isStopping) && failures < FAILURES)
    if (mayPass) again(pauseMs ?? undefined)
    else fail(reason)
  }

  function begin(): void {
    let isOpen = true
    /** Whether it was open: what is said to a subscription that was given up is for nobody. */
    const close = () => {
      const was = isOpen
      isOpen = false
      return was
    }
    const stop = socket.subscribe(payload, {
      next({ data, errors }) {
        if (!isOpen) return
        if (errors === undefined) return take(data as Data)
        unsubscribe?.()
        refused(errors)
      },
      error(error) {
        if (close()) refused(error)
      },
      complete() {
        if (close()) void completed()
      },
    })
    unsubscribe = () => {
      if (close()) stop()
    }
  }

  const stream: OpenStream<Item> = {
    [Symbol.asyncIterator]() {
      return this
    },
    next() {
      if (items.length > 0) {
        const value = items.shift()!
        if (isFull && items.length === 0 && end === null) {
          isFull = false
          begin()
        }
        return Promise.resolve({ done: false, value })
      }
      return new Promise((resolve, reject) => {
        if (end !== null) settle({ resolve, reject })
        else readers.push({ resolve, reject })
      })
    },
    async return() {
      items.length = 0
      finish()
      return { done: true, value: undefined }
    },
    dispose: () => fail(new DisposedError()),
  }

  open.add(stream)
  if (signal?.aborted) abort()
  else {
    signal?.addEventListener('abort', abort, { once: true })
    begin()
  }
  return stream
}

/** Of a server that wants a token, or does not take this one any more, as graphql-ws has it. */
const UNAUTHORIZED = 4401

/** Why there is nothing to try again; null for a server that failed as a whole. */
function refusalOf(error: unknown): OperationError | TransportError | null {
  if (Array.isArray(error)) return new OperationError(error as GraphQLErrorLike[])
  const { code, reason } = error as { code?: number; reason?: string }
  if (code === undefined || SERVER_FAILED.includes(code)) return null
  if (code === UNAUTHORIZED) {
    const message = reason || 'The server does not know who asks.'
    return new OperationError([{ message, extensions: { code: 'UNAUTHENTICATED' } }])
  }
  const why = reason === undefined || reason === '' ? String(code) : `${reason} (${code})`
  return new TransportError('NOT_GRAPHQL', `The server refused the connection: ${why}.`)
}
