import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { OpenIdSettings } from '../access/openid/settings.ts'
import type { Viewer } from '../access/viewer.ts'
import type { Maintenance } from '../maintenance/service.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Context, Services } from '../schema/builder/context.ts'
import { createGate } from './access/gate.ts'
import { createLinks } from './access/links.ts'
import { createOpenIdSignIn } from './access/openid/sign-in.ts'
import { createSignIn } from './access/sign-in.ts'
import { ADDRESSES } from './addresses.ts'
import { createDownloadHandler } from './downloads.ts'
import { createGraphQLHandler, createUploadHandler } from './graphql/graphql.ts'
import type { HttpServer } from './http.ts'
import { createMaintenanceHandlers } from './maintenance.ts'
import { createOriginPolicy } from './origin.ts'
import { createPageHandler } from './pages.ts'
import type { Handlers, Readiness } from './routes.ts'
import type { UploadStore } from './upload-store.ts'

export interface ApiOptions {
  services: Services
  maintenance: Maintenance
  /** For Pothos alone. */
  prisma: object
  uploads: UploadStore
  /** What HOST says. */
  host: string
  /** Origins beside the server's own whose pages may ask. */
  allowedOrigins: string[]
  /** Origin that browsers reach the server at, where that is known. */
  publicUrl: string | null
  openId: OpenIdSettings | null
  logger: Logger
  telemetry: Telemetry
  readiness(): Promise<Readiness>
  metrics: Handlers['metrics']
}

/** Lets the server answer: GraphQL over HTTP, server-sent events and WebSocket, the dashboard, the files of models, backups, its health and metrics. */
export function serveApi(server: HttpServer, options: ApiOptions): { close(): Promise<void> } {
  const { services, prisma, uploads, host, allowedOrigins, publicUrl, openId } = options
  const { logger, telemetry, readiness, metrics } = options
  const { access } = services
  const policy = createOriginPolicy({
    host,
    address: server.address,
    allowedOrigins: publicUrl === null ? allowedOrigins : [...allowedOrigins, publicUrl],
  })
  const gate = createGate(access, policy)
  const links = createLinks()
  const addresses = access.auth === 'none' ? ADDRESSES : { ...ADDRESSES, signed: links.sign }
  const contexts = new WeakMap<Viewer, Context>()
  /** What a request that was let in is answered with, however it came. */
  function contextOf(request: IncomingMessage): Context {
    const viewer = gate.viewerOf(request)
    let context = contexts.get(viewer)
    if (context === undefined) {
      context = { ...services, addresses, database: { prisma }, viewer }
      contexts.set(viewer, context)
    }
    return context
  }
  const graphql = { gate, contextOf, allowedOrigins, logger, telemetry }
  server.serve({
    handler: createGraphQLHandler(graphql),
    uploadHandler: createUploadHandler(graphql, uploads),
    downloads: createDownloadHandler({
      gate,
      links,
      downloads: services.models.downloads,
      allowedOrigins,
      logger,
    }),
    signIn: createSignIn(access, gate, policy),
    openId: openId === null ? undefined : createOpenIdSignIn(openId, access, logger),
    pages: createPageHandler(logger),
    maintenance: createMaintenanceHandlers({ maintenance: options.maintenance, gate, policy, logger }),
    policy,
    gate,
    readiness,
    metrics,
  })
  return { close: server.close }
}
