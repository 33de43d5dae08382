import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Context, Services } from '../schema/builder/context.ts'
import { ADDRESSES } from './addresses.ts'
import { createDownloadHandler } from './downloads.ts'
import { createGraphQLHandler, createUploadHandler } from './graphql/graphql.ts'
import type { HttpServer } from './http.ts'
import { createOriginPolicy } from './origin.ts'
import { createPageHandler } from './pages.ts'
import type { Handlers, Readiness } from './routes.ts'
import type { UploadStore } from './upload-store.ts'

export interface ApiOptions {
  services: Services
  /** For Pothos alone. */
  prisma: object
  uploads: UploadStore
  /** What HOST says. */
  host: string
  /** Origins beside the server's own whose pages may ask. */
  allowedOrigins: string[]
  logger: Logger
  telemetry: Telemetry
  readiness(): Promise<Readiness>
  metrics: Handlers['metrics']
}

/** Lets the server answer: GraphQL over HTTP, server-sent events and WebSocket, the dashboard, the files of models, its health and metrics. */
export function serveApi(server: HttpServer, options: ApiOptions): { close(): Promise<void> } {
  const { services, prisma, uploads, host, allowedOrigins, logger, telemetry, readiness, metrics } = options
  const context: Context = { ...services, addresses: ADDRESSES, database: { prisma } }
  /** What a request is answered with, however it came. All who ask may see the same. */
  const contextOf = (_request: IncomingMessage) => context
  const graphql = { contextOf, allowedOrigins, logger, telemetry }
  server.serve({
    handler: createGraphQLHandler(graphql),
    uploadHandler: createUploadHandler(graphql, uploads),
    downloads: createDownloadHandler({ contextOf, allowedOrigins, logger }),
    pages: createPageHandler(logger),
    policy: createOriginPolicy({ host, address: server.address, allowedOrigins }),
    readiness,
    metrics,
  })
  return { close: server.close }
}
