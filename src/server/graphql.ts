import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { createYoga } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Context } from '../schema/context.ts'
import { schema } from '../schema/index.ts'
import { toClientError } from './client-error.ts'
import { csrfPlugin } from './csrf.ts'
import { limitPlugins, MAX_BODY_BYTES } from './limits.ts'
import { WELCOME_QUERY } from './welcome-query.ts'

export const GRAPHQL_PATH = '/graphql'

export type GraphQLHandler = ReturnType<typeof createGraphQLHandler>

/** GraphQL over HTTP, multipart and server-sent events, and the playground. */
export function createGraphQLHandler(options: {
  context: Context
  allowedOrigins: string[]
  logger: Logger
}) {
  const { context, allowedOrigins, logger } = options
  return createYoga<object, Context>({
    schema,
    context,
    graphqlEndpoint: GRAPHQL_PATH,
    landingPage: false,
    logging: {
      debug: (...args) => logger.trace(args),
      info: (...args) => logger.debug(args),
      warn: (...args) => logger.warn(args),
      error: (error, ...rest) => logger.error({ err: error, rest }, 'a resolver failed'),
    },
    // Unset, yoga would reflect any origin with credentials.
    cors:
      allowedOrigins.length === 0
        ? false
        : { origin: allowedOrigins, credentials: false, methods: ['GET', 'POST'] },
    maxRequestBodySize: MAX_BODY_BYTES,
    maskedErrors: { maskError: toClientError },
    graphiql: {
      title: 'vggzoo',
      defaultQuery: WELCOME_QUERY,
      subscriptionsProtocol: 'WS',
    },
    renderGraphiQL,
    plugins: [csrfPlugin(), ...limitPlugins()],
  })
}
