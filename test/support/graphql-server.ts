import type { Logger } from 'pino'
import { pino } from 'pino'
import { LOCAL_VIEWER } from '../../src/access/viewer.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../src/adapters/local/tracing.ts'
import type { Context } from '../../src/schema/builder/context.ts'
import { OPEN_GATE } from '../../src/server/access/gate.ts'
import { createLargeBodies } from '../../src/server/body.ts'
import { createDocumentCache } from '../../src/server/graphql/document-cache.ts'
import { createGraphQLHandler, type GraphQLOptions } from '../../src/server/graphql/graphql.ts'
import { MAX_BODY_BYTES } from '../../src/server/graphql/limits.ts'
import { type HttpOptions, type HttpServer, listen } from '../../src/server/http.ts'
import { createOriginPolicy } from '../../src/server/origin.ts'

/** GraphQL over HTTP, for anyone; of what operations are executed with there is what the test gives. */
export function graphqlHandler(services: object, options: Partial<GraphQLOptions> = {}) {
  return createGraphQLHandler({
    gate: OPEN_GATE,
    contextOf: () => ({ viewer: LOCAL_VIEWER, ...services }) as unknown as Context,
    addressOf: () => '127.0.0.1',
    allowedOrigins: [],
    logger: pino({ level: 'silent' }),
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    documents: createDocumentCache(),
    largeBodies: createLargeBodies(MAX_BODY_BYTES),
    ...options,
  })
}

/** The server's own HTTP and WebSocket parts around that. The caller closes it. */
export async function serveGraphQL(
  services: object,
  options: Partial<GraphQLOptions> = {},
  handlers: Partial<HttpOptions> = {},
): Promise<HttpServer> {
  const handler = graphqlHandler(services, options)
  const server = await listen('127.0.0.1', 0)
  server.serve({
    handler,
    uploadHandler: handler,
    downloads: async (_request, response) => void response.end(),
    pages: (_request, response) => void response.end(),
    signIn: { signIn() {}, signOut() {} },
    policy: createOriginPolicy({ host: '127.0.0.1', address: server.address, allowedOrigins: [] }),
    gate: OPEN_GATE,
    readiness: async () => ({}),
    metrics: null,
    ...handlers,
  })
  return server
}

/** A log of errors, each line as JSON. */
export function errorLog(write: (line: string) => void): Logger {
  return pino({ level: 'error' }, { write })
}
