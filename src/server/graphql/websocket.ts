import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql'
import { CloseCode } from 'graphql-ws'
import { useServer } from 'graphql-ws/use/ws'
import { isAsyncIterable } from 'graphql-yoga'
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { TooManyRequestsError, UnauthenticatedError } from '../../errors.ts'
import type { Context } from '../../schema/builder/context.ts'
import { codedError } from '../../schema/builder/errors.ts'
import { apiError, type ErrorCode } from '../../schema/builder/input-error.ts'
import type { Gate } from '../access/gate.ts'
import type { OriginPolicy } from '../origin.ts'
import { requestIdOf } from '../request-id.ts'
import { toClientError, withoutHints } from './client-error.ts'
import { deliver } from './deliver.ts'
import type { GraphQLHandler } from './graphql.ts'
import { keepAlive } from './heartbeat.ts'
import { MAX_WS_MESSAGE_BYTES, MAX_WS_OPERATIONS } from './limits.ts'
import { untilLeft } from './until-left.ts'

type Enveloped = ReturnType<GraphQLHandler['getEnveloped']>
/** Execution goes through the functions that came with the operation's own envelope. */
type EnvelopedArgs = ExecutionArgs & { rootValue: Pick<Enveloped, 'execute' | 'subscribe'> }

/** For a client to answer the notice that its connection closes; one that has stopped reading never does. */
const CLOSE_MS = 1000

/** IANA's "Try Again Later": clients do, but for those of graphql-ws' own code 4429, which means something else. */
const TRY_AGAIN_LATER = 1013

const TOKEN_OVER = 'The token was revoked or has expired.'

/** Of the WebSocket protocol, as ws speaks them: 13 is that of RFC 6455. */
const VERSIONS = ['13', '8']

export interface WebSocketOptions {
  handler: GraphQLHandler
  policy: OriginPolicy
  gate: Gate
  isFromProxy?(request: IncomingMessage): boolean
}

/** GraphQL over WebSocket (graphql-transport-ws) on the server's own port. */
export function attachWebSocket(
  server: Server,
  { handler, policy, gate, isFromProxy }: WebSocketOptions,
): { close(): Promise<void> } {
  // Its types do not know closeTimeout yet.
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_WS_MESSAGE_BYTES,
    closeTimeout: CLOSE_MS,
  } as ServerOptions)

  sockets.on('headers', (headers, request) => headers.push(`X-Request-Id: ${requestIdOf(request)}`))

  const connections = new WeakMap<WebSocket, Duplex>()

  // A WebSocket skips every hook of HTTP: what CORS, CSRF and the Host check do there happens here.
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const named = `X-Request-Id: ${requestIdOf(request, isFromProxy?.(request))}`
    if (!policy.hostAllowed(request) || !policy.originAllowed(request)) {
      return refuse(
        socket,
        '403 Forbidden',
        'Neither the server nor ALLOWED_ORIGINS has this origin or host.',
        ['Connection: close', named],
      )
    }
    if (!VERSIONS.includes(request.headers['sec-websocket-version'] ?? '')) {
      const versions = `Sec-WebSocket-Version: ${VERSIONS.join(', ')}`
      return refuse(socket, '426 Upgrade Required', 'The header Sec-WebSocket-Version must be 13.', [
        'Connection: close, upgrade',
        'Upgrade: websocket',
        versions,
        named,
      ])
    }
    try {
      socket.once('close', gate.enter(request))
    } catch (error) {
      if (!(error instanceof TooManyRequestsError)) throw error
      const seconds = Math.ceil(error.retryAfterMs / 1000)
      return refuse(socket, '429 Too Many Requests', error.message, [
        'Connection: close',
        `Retry-After: ${seconds}`,
        named,
      ])
    }
    // It may be one of several that were offered, of which ws makes nothing.
    request.headers.upgrade = 'websocket'
    sockets.handleUpgrade(request, socket, head, (client) => {
      connections.set(client, socket)
      sockets.emit('connection', client, request)
      // What a client sends that is no WebSocket's, or too large, ws answers with a close code; graphql-ws would print it
      // as an error of its own.
      client.removeAllListeners('error').on('error', () => {})
      refuseOwnMessages(client)
      keepAlive(client)
    })
  })

  const graphql = useServer(
    {
      execute: (args) => untilLeft((signal) => executed(args as EnvelopedArgs, signal)),
      subscribe: (args) => (args as EnvelopedArgs).rootValue.subscribe(args),
      onConnect({ connectionParams, extra: { request, socket } }) {
        try {
          const leave = gate.connect(request, connectionParams, () =>
            socket.close(CloseCode.Unauthorized, TOKEN_OVER),
          )
          socket.once('close', leave)
          return true
        } catch (error) {
          if (error instanceof TooManyRequestsError) socket.close(TRY_AGAIN_LATER, error.message)
          else if (error instanceof UnauthenticatedError) socket.close(CloseCode.Unauthorized, error.message)
          else throw error
          // graphql-ws would close it as Forbidden, which clients try again.
          return false
        }
      },
      async onSubscribe(context, id, { operationName, query, variables, extensions }) {
        if (Object.keys(context.subscriptions).length > MAX_WS_OPERATIONS) {
          const message = `A connection may have ${MAX_WS_OPERATIONS} operations open at once.`
          return [apiError('TOO_MANY_OPERATIONS', message)]
        }
        try {
          gate.quotaOf(context.extra.request)?.operation()
        } catch (error) {
          const refusal = codedError(error)
          if (refusal === null) throw error
          return [refusal]
        }
        const params = {
          operationName: operationName ?? undefined,
          query,
          variables: variables ?? undefined,
          extensions: extensions ?? undefined,
        }
        const { schema, execute, subscribe, contextFactory, parse, validate } = handler.getEnveloped({
          req: context.extra.request,
          operation: id,
          params,
        })
        const document = orError(() => parse(query))
        if (document instanceof GraphQLError) {
          document.extensions.code ??= 'GRAPHQL_PARSE_FAILED' satisfies ErrorCode
          return [document]
        }
        // The limits are validation rules: leaving validate out would bypass them.
        // Some of them throw, which would end the connection and not only this operation.
        const errors = orError(() => validate(schema, document))
        if (errors instanceof GraphQLError) return [errors]
        if (errors.length > 0) return errors
        return {
          schema,
          operationName: params.operationName,
          document,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        }
      },
      onOperation: ({ extra }, id, _payload, _args, result) =>
        isAsyncIterable(result)
          ? deliver(extra.socket, connections.get(extra.socket)!, id, result[Symbol.asyncIterator]())
          : undefined,
      onNext: (_context, _id, _payload, _args, { errors }) => void errors?.forEach(withoutHints),
      // Those of graphql-ws itself come here as well: that there is no such operation in the document.
      onError: (_context, _id, _payload, errors) => errors.map((error) => withoutHints(toClientError(error))),
    },
    sockets,
    // Its own would cut a client off for a hold-up of the server.
    0,
  )

  return {
    async close() {
      await graphql.dispose()
    },
  }
}

/** As over HTTP, where the request says when whoever asked is gone. */
function executed(args: EnvelopedArgs, signal: AbortSignal): ExecutionResult | Promise<ExecutionResult> {
  const contextValue: Context = { ...(args.contextValue as Context), request: { signal } }
  return args.rootValue.execute({ ...args, contextValue })
}

/** What of the protocol only a server sends. */
const OWN_MESSAGES = ['connection_ack', 'next', 'error']

/** To graphql-ws, a client that sends one of them is a fault of the server, which it prints. */
function refuseOwnMessages(client: WebSocket): void {
  const [handle] = client.listeners('message') as ((data: RawData, isBinary: boolean) => void)[]
  // It is closed already: of another subprotocol.
  if (handle === undefined) return
  client.removeListener('message', handle).on('message', (data, isBinary) => {
    if (isOwnMessage(String(data))) client.close(CloseCode.BadRequest, 'Invalid message received')
    else handle.call(client, data, isBinary)
  })
}

function isOwnMessage(text: string): boolean {
  // Nearly all are told by a glance, and not read twice.
  if (!OWN_MESSAGES.some((type) => text.includes(`"${type}"`))) return false
  try {
    return OWN_MESSAGES.includes(JSON.parse(text)?.type)
  } catch {
    return false
  }
}

function refuse(socket: Duplex, status: string, text: string, headers: readonly string[]): void {
  // Nobody else listens by now, and an unheard error (the other end may be gone) would end the process.
  socket.on('error', () => {})
  // Its other end might never be closed by the client, and the server would wait for it when it stops.
  socket.once('finish', () => socket.destroy())
  const head = [
    `HTTP/1.1 ${status}`,
    ...headers,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text) + 1}`,
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}\n`)
}

function orError<Result>(work: () => Result): Result | GraphQLError {
  try {
    return work()
  } catch (error) {
    if (error instanceof GraphQLError) return error
    throw error
  }
}
