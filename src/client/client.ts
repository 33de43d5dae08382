import { type Document, type ResultOf, textOf } from './document.ts'
import { RUN_EVENTS, RUN_LOG_LINES, RUN_STATUS, type RunEvent, type RunLogLine } from './documents.ts'
import { createSender, type Headers } from './http.ts'
import { withIdempotencyKey } from './idempotency.ts'
import { sendUntilAnswered } from './retry.ts'
import { type Connection, openSocket } from './socket.ts'
import { type OpenStream, openStream } from './stream.ts'
import type { OnProgress } from './upload.ts'

export interface ClientOptions {
  /** The server's address: http://localhost:4000, or location.origin in a page of its own. */
  url: string
  fetch?: typeof globalThis.fetch
  /** A class as browsers have it; in Node `vggzoo/client` brings one along. */
  WebSocket?: unknown
  /** Sent with each HTTP request: an object, or what gives one. */
  headers?: Headers | (() => Headers | Promise<Headers>)
  /** What the server knows its bearer by, if it has authentication: sent with each request, and when the socket is opened. */
  token?: Token
}

export type Token = string | (() => string | undefined | Promise<string | undefined>)

export interface RequestOptions {
  signal?: AbortSignal
  /**
   * True waits until it is answered: it is sent again after `retryAfterMs` when the answer is an OverloadedError (select
   * `__typename` and `retryAfterMs` of it) or the code TOO_MANY_REQUESTS, and when no answer comes, if it can be sent twice: a query, or a mutation with
   * an idempotency key. The key stays the same.
   */
  retry?: boolean
}

export interface MutateOptions extends RequestOptions {
  /** Hears how far the files in the variables are. */
  onProgress?: OnProgress
}

export interface SubscribeOptions<Result> {
  signal?: AbortSignal
  /** For streams that have a cursor: the variables with which the stream goes on behind this item. */
  resume?(item: Result): Record<string, unknown>
  /** The id of a run that the stream ends with: should a server that stops end it before, it is begun again. */
  run?: string
}

export interface FollowOptions {
  /** The cursor of the last event or line that is known; left out, it begins with the first one. */
  after?: string
  signal?: AbortSignal
}

/** A stream that can be left: by `break` in a `for await`, by `return`, or by the signal it was given. */
export type Stream<Item> = AsyncIterableIterator<Item>

export interface Client {
  /** The data of a query. Expected failures are members of its result unions; all else throws. */
  query<Result, Variables>(
    document: Document<Result, Variables> | string,
    variables?: Variables,
    options?: RequestOptions,
  ): Promise<Result>
  /**
   * The data of a mutation. It gets an idempotency key where it can have one and the variables have none: in an input
   * or in a variable `$idempotencyKey`. Files go as Blob or File in the variables.
   */
  mutate<Result, Variables>(
    document: Document<Result, Variables> | string,
    variables?: Variables,
    options?: MutateOptions,
  ): Promise<Result>
  /** The items of a subscription. When the connection is lost, it is begun again as soon as there is one. */
  subscribe<Result, Variables>(
    document: Document<Result, Variables> | string,
    variables?: Variables,
    options?: SubscribeOptions<Result>,
  ): Stream<Result>
  /** Every event of a run, each once and in order, whatever breaks, until the run is over. */
  follow(runId: string, options?: FollowOptions): Stream<RunEvent>
  /** What the trainer of a run prints, each line once and in order, until the run is over. */
  followLog(runId: string, options?: FollowOptions): Stream<RunLogLine>
  /**
   * Fetches a file of the server, such as those that `downloads` has the addresses of.
   * @param address  from the server's root, or a whole URL of the server, which alone is sent the token
   */
  fetch(address: string | URL, init?: RequestInit): Promise<Response>
  /** The one socket of all subscriptions. */
  readonly connection: Connection
  /** Calls back whenever `connection` changes. Answers what ends it. */
  onConnection(listener: (connection: Connection) => void): () => void
  /** Tries at once what waits to be tried, and whether the connection is still alive: when the page is seen again, or the network is back. */
  reconnectNow(): void
  /** Ends all streams, with a DisposedError, and closes the socket. */
  dispose(): void
}

/** A client of the server at `url`. Nothing is sent before it is asked for something. */
export function createClient(options: ClientOptions): Client {
  const endpoint = `${options.url.replace(/\/+$/, '')}/graphql`
  // Browsers want fetch to be called as a function of the window.
  const { fetch = (...request: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...request) } =
    options
  const authorization = async (name: string): Promise<Headers> => {
    const token = typeof options.token === 'function' ? await options.token() : options.token
    return token === undefined || token === '' ? {} : { [name]: `Bearer ${token}` }
  }
  const headers = async () => ({
    ...(await authorization('authorization')),
    ...(typeof options.headers === 'function' ? await options.headers() : options.headers),
  })
  const send = createSender({ endpoint, fetch, headers })
  const socket = openSocket({
    url: endpoint.replace(/^http/, 'ws'),
    WebSocket: options.WebSocket,
    params: () => authorization('Authorization'),
  })
  const streams = new Set<OpenStream<unknown>>()

  async function isOver(run: string, signal?: AbortSignal): Promise<boolean> {
    const { trainingRun } = await client.query(RUN_STATUS, { id: run }, { signal })
    return trainingRun === null || ENDED.includes(trainingRun.status)
  }

  function open<Result, Item>(
    document: Document<Result> | string,
    variables: object | undefined,
    { resume, run, signal }: SubscribeOptions<Result>,
    select: (data: Result) => Item | undefined,
  ): Stream<Item> {
    return openStream<Result, Item>(socket, streams, {
      query: textOf(document),
      variables: { ...variables },
      select,
      resume,
      isOver: run === undefined ? undefined : () => isOver(run, signal),
      signal,
    })
  }

  const client: Client = {
    async query(document, variables, { signal, retry = false } = {}) {
      const request = { query: textOf(document), variables: { ...variables }, signal }
      const data = await (retry ? sendUntilAnswered(send, request, true) : send(request))
      return data as never
    },
    async mutate(document, variables, { signal, retry = false, onProgress } = {}) {
      const query = textOf(document)
      const { variables: filled, hasKey } = withIdempotencyKey(query, { ...variables })
      const request = { query, variables: filled, signal, onProgress }
      const data = await (retry ? sendUntilAnswered(send, request, hasKey) : send(request))
      return data as never
    },
    subscribe: (document, variables, options = {}) =>
      open(document, variables as object | undefined, options, (data) => data),
    follow(id, { after, signal } = {}) {
      const options = {
        run: id,
        signal,
        resume: ({ trainingRunEvents: { cursor } }: RunEvents) => ({ after: cursor }),
      }
      return open(RUN_EVENTS, { id, after }, options, ({ trainingRunEvents: event }) =>
        // It tells of events that follow: here nothing is lost anyway.
        event.__typename === 'Lagged' ? undefined : event,
      )
    },
    followLog(id, { after, signal } = {}) {
      const options = {
        run: id,
        signal,
        resume: ({ runLogLines: { cursor } }: RunLogLines) => ({ after: cursor }),
      }
      return open(RUN_LOG_LINES, { id, after }, options, ({ runLogLines: line }) => line)
    },
    async fetch(address, init) {
      const url = new URL(address, endpoint)
      if (url.origin !== new URL(endpoint).origin) throw new TypeError(`${url} is not of the server.`)
      return fetch(url, { ...init, headers: { ...(await headers()), ...(init?.headers as Headers) } })
    },
    get connection() {
      return socket.connection
    },
    onConnection: socket.onConnection,
    reconnectNow: socket.reconnectNow,
    dispose() {
      for (const stream of [...streams]) stream.dispose()
      socket.dispose()
    },
  }
  return client
}

type RunEvents = ResultOf<typeof RUN_EVENTS>
type RunLogLines = ResultOf<typeof RUN_LOG_LINES>

const ENDED: readonly string[] = ['COMPLETED', 'CANCELLED', 'FAILED']
