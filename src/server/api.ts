import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { type Limits, NO_LIMITS } from '../access/limits.ts'
import type { OpenIdSettings } from '../access/openid/settings.ts'
import { createQuotas } from '../access/quotas.ts'
import type { Viewer } from '../access/viewer.ts'
import type { Maintenance } from '../maintenance/service.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Tracing } from '../ports/tracing.ts'
import type { Context, Services } from '../schema/builder/context.ts'
import { memoryOfMachine } from '../system/memory.ts'
import { createCounter } from './access/counter.ts'
import { createGate, type Gate, OPEN_GATE } from './access/gate.ts'
import { createLinks } from './access/links.ts'
import { createOpenIdSignIn } from './access/openid/sign-in.ts'
import { createSignIn } from './access/sign-in.ts'
import { ADDRESSES } from './addresses.ts'
import { createLargeBodies } from './body.ts'
import { createClientAddress, createProxyCheck } from './client-address.ts'
import { createDownloadHandler } from './downloads.ts'
import { createDocumentCache } from './graphql/document-cache.ts'
import { createGraphQLHandler, createUploadHandler } from './graphql/graphql.ts'
import type { HttpServer } from './http.ts'
import { createMaintenanceHandlers } from './maintenance.ts'
import { createOriginPolicy, isLoopback, type OriginPolicy } from './origin.ts'
import { createPageHandler } from './pages.ts'
import { requestIdOf } from './request-id.ts'
import type { Handlers, Readiness } from './routes.ts'
import type { UploadStore } from './upload-store.ts'

/** Of the memory. A body and what is made of it (its text, its JSON, the bytes of its picture) take up to four times as much. */
const LARGE_BODIES_SHARE = 1 / 32

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
  /** See Config. */
  trustedProxies: string[]
  limits: Limits
  limitsLoopback: boolean
  logger: Logger
  telemetry: Telemetry
  tracing: Tracing
  readiness(): Promise<Readiness>
  metrics: Handlers['metrics']
}

/** Lets the server answer: GraphQL over HTTP, server-sent events and WebSocket, the dashboard, the files of models, backups, its health and metrics. */
export function serveApi(server: HttpServer, options: ApiOptions): { close(): Promise<void> } {
  const { services, prisma, uploads, host, allowedOrigins, trustedProxies, publicUrl, openId } = options
  const { logger, telemetry, tracing, readiness, metrics } = options
  const { access, audit } = services
  const policy = createOriginPolicy({
    host,
    address: server.address,
    allowedOrigins: publicUrl === null ? allowedOrigins : [...allowedOrigins, publicUrl],
  })
  const gate = gateFor(server, options, policy)
  const links = createLinks()
  const addresses = access.auth === 'none' ? ADDRESSES : { ...ADDRESSES, signed: links.sign }
  const contexts = new WeakMap<Viewer, Context>()
  /** What a request that was let in is answered with, however it came. */
  function contextOf(request: IncomingMessage): Context {
    const viewer = gate.viewerOf(request)
    const quota = gate.quotaOf(request)
    let context = contexts.get(viewer)
    if (context === undefined) {
      context = { ...services, addresses, database: { prisma }, viewer, quota }
      contexts.set(viewer, context)
    }
    // Of those who come without authentication, each address has its own.
    return context.quota === quota ? context : { ...context, quota }
  }
  const addressOf = createClientAddress(trustedProxies)
  const originOf = (request: IncomingMessage) => ({
    requestId: requestIdOf(request),
    address: addressOf(request),
  })
  const graphql = {
    ...{ gate, contextOf, addressOf, allowedOrigins, logger, telemetry, tracing },
    documents: createDocumentCache(),
    largeBodies: createLargeBodies(memoryOfMachine() * LARGE_BODIES_SHARE),
  }
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
    signIn: createSignIn({ access, audit, gate, policy, originOf }),
    openId:
      openId === null ? undefined : createOpenIdSignIn({ settings: openId, access, audit, originOf, logger }),
    pages: createPageHandler(logger),
    maintenance: createMaintenanceHandlers({
      maintenance: options.maintenance,
      audit,
      gate,
      policy,
      originOf,
      logger,
    }),
    policy,
    gate,
    isFromProxy: createProxyCheck(trustedProxies),
    readiness,
    metrics,
  })
  return { close: server.close }
}

function gateFor(server: HttpServer, options: ApiOptions, policy: OriginPolicy): Gate {
  const { access } = options.services
  const { trustedProxies, limits, limitsLoopback, logger, telemetry } = options
  const isOpen = access.auth === 'none'
  const isHome = isLoopback(server.address) && trustedProxies.length === 0 && !limitsLoopback
  // Nothing is looked at where there is nobody to be known and nobody to be limited.
  if (isOpen && (isHome || limits === NO_LIMITS)) return OPEN_GATE
  const quotas = createQuotas({
    limits,
    onUsedUp: (limit, who) => logger.warn({ limit, who }, 'a limit was reached'),
    onRefused: () =>
      telemetry.record({ kind: 'operation', type: null, field: null, outcome: 'refused', ms: 0 }),
  })
  const addressOf = createClientAddress(trustedProxies)
  const counter = createCounter({ quotas, addressOf, countsLoopback: limitsLoopback || !isOpen })
  return createGate(access, policy, counter)
}
