import type { IncomingMessage } from 'node:http'
import { GraphQLError } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Tracing } from '../../ports/tracing.ts'
import type { Context } from '../../schema/builder/context.ts'
import { schema } from '../../schema/index.ts'
import type { Gate } from '../access/gate.ts'
import { GRAPHQL_PATH } from '../addresses.ts'
import type { LargeBodies } from '../body.ts'
import type { ClientAddress } from '../client-address.ts'
import type { UploadStore } from '../upload-store.ts'
import { acceptPlugin } from './accept-plugin.ts'
import { accessPlugin } from './access-plugin.ts'
import { answeredPlugin } from './answered.ts'
import { toClientError } from './client-error.ts'
import { csrfPlugin } from './csrf.ts'
import { type DocumentCache, NOTHING_KEPT, onlyValidPlugin } from './document-cache.ts'
import { limitPlugins, MAX_BODY_BYTES } from './limits.ts'
import { originPlugin } from './origin-plugin.ts'
import { operationPlugin, paramsPlugin } from './params-plugin.ts'
import { quotaPlugin } from './quota-plugin.ts'
import { noted, requestIdPlugin } from './request-id-plugin.ts'
import type { ServerContext } from './server-context.ts'
import { sharedExecutionPlugin } from './shared-execution.ts'
import { subscriptionPlugin } from './subscription-plugin.ts'
import { telemetryPlugin } from './telemetry-plugin.ts'
import { textPlugin } from './text-plugin.ts'
import { tracingPlugin } from './tracing-plugin.ts'
import { uploadsPlugin } from './uploads-plugin.ts'
import { WELCOME_QUERY } from './welcome-query.ts'

export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

export interface GraphQLOptions {
  gate: Gate
  contextOf(request: IncomingMessage): Context
  addressOf: ClientAddress
  allowedOrigins: string[]
  logger: Logger
  telemetry: Telemetry
  tracing: Tracing
  /** Those that were parsed, also by another handler. */
  documents: DocumentCache
  /** That are being read or answered, also by another handler. */
  largeBodies: LargeBodies
}

/** GraphQL over HTTP and server-sent events, and the playground. */
export function createGraphQLHandler(options: GraphQLOptions) {
  return createHandler(options, paramsPlugin(MAX_BODY_BYTES, options.largeBodies))
}

/** The same for requests with files, which are as large as the store of uploads allows. */
export function createUploadHandler(options: GraphQLOptions, uploads: UploadStore) {
  return createHandler(options, uploadsPlugin(uploads, options))
}

/** @param requestParser  reads the body, up to a size of its own */
function createHandler(
  { gate, contextOf, addressOf, allowedOrigins, logger, telemetry, tracing, documents }: GraphQLOptions,
  requestParser: Plugin<object, ServerContext>,
) {
  return createYoga<ServerContext, Context>({
    schema,
    context: ({ req }) => contextOf(req),
    graphqlEndpoint: GRAPHQL_PATH,
    landingPage: false,
    logging: {
      debug: (...args) => logger.trace(args),
      info: (...args) => logger.debug(args),
      warn: (...args) => logger.warn(args),
      error(error, ...rest) {
        if (isAborted(error)) logger.debug({ path: error.path }, 'whoever asked is gone')
        else logger.error({ err: error, ...noted(error), rest }, 'a resolver failed')
      },
    },
    // Unset, yoga would reflect any origin with credentials.
    cors:
      allowedOrigins.length === 0
        ? false
        : {
            origin: allowedOrigins,
            credentials: false,
            methods: ['GET', 'POST'],
            exposedHeaders: ['X-Request-Id'],
          },
    maxRequestBodySize: false,
    maskedErrors: { maskError: toClientError },
    graphiql: {
      title: 'vggzoo',
      defaultQuery: WELCOME_QUERY,
      subscriptionsProtocol: 'WS',
    },
    // Nine megabytes that only a browser needs.
    renderGraphiQL: async (options) =>
      (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(options),
    multipart: false,
    parserAndValidationCache: { documentCache: documents, errorCache: NOTHING_KEPT },
    plugins: [
      answeredPlugin(),
      acceptPlugin(),
      accessPlugin(gate),
      csrfPlugin(),
      requestParser,
      operationPlugin(),
      requestIdPlugin(),
      ...limitPlugins(),
      onlyValidPlugin(documents),
      subscriptionPlugin(),
      // Ahead of what answers in the place of an operation.
      telemetryPlugin(telemetry),
      ...(tracing.isOn ? [tracingPlugin(tracing)] : []),
      quotaPlugin(),
      originPlugin(addressOf),
      textPlugin(),
      sharedExecutionPlugin(contextOf),
    ],
  })
}

/** Whether work was given up because the request's signal was aborted. */
function isAborted(error: unknown): error is GraphQLError {
  return error instanceof GraphQLError && error.originalError?.name === 'AbortError'
}
