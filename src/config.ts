import { resolve } from 'node:path'
import * as z from 'zod'
import { type Limits, readLimits, USUAL_LIMITS } from './access/limits.ts'
import type { OpenIdSettings } from './access/openid/settings.ts'
import type { Auth } from './access/service.ts'
import { toBytes } from './bytes.ts'
import { isFile, isFolder } from './config-paths.ts'
import { instructionSetsHere } from './engine/native/addon.ts'
import { ENGINE_CHOICES, type EngineChoice } from './engine/report.ts'
import { checkOpenId, OPENID_VARIABLES, openIdOf } from './openid-config.ts'
import { isProxyList } from './server/client-address.ts'
import { checkTracing, isTraced, TRACING_VARIABLES } from './tracing-config.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const INSTRUCTION_SETS = ['AVX-512', 'AVX2', 'SSE2', 'NEON', 'generic'] as const

export interface Config {
  port: number
  host: string
  /** Null: none where only this machine reaches the server, which does not start elsewhere. */
  auth: Auth | null
  /** Whether operators may change what others made. */
  operatorsShare: boolean
  dataDir: string
  databaseUrl: string | null
  engine: EngineChoice
  cifar10Dir: string | null
  /** Paths of modules that know further data sets. */
  datasetSources: string[]
  logLevel: (typeof LOG_LEVELS)[number]
  /** Origins beside the server's own that browsers may call it from. */
  allowedOrigins: string[]
  /** Addresses of proxies whose word on who asks is taken. */
  trustedProxies: string[]
  /** Origin that browsers reach the server at; null where only they know it. */
  publicUrl: string | null
  /** Null where people sign in with tokens alone. */
  openId: OpenIdSettings | null
  /** What each who asks may have. */
  limits: Limits
  /** Whether this machine itself is limited without authentication, too: only who sets limits wants that. */
  limitsLoopback: boolean
  /** The most parameters that a network may have, to be created or trained. */
  maxParameters: number
  /** Below it are folders that data sets may be made of; null for none. */
  datasetsDir: string | null
  /** What is to stay free of the disk of DATA_DIR; null for what suits it. */
  minFreeBytes: number | null
  /** Of the files of one request with weights together. */
  maxModelBytes: number
  /** Of what a data set is made of, packed and unpacked. */
  maxDatasetBytes: number
  /** Whether a run that was interrupted goes on by itself. */
  autoResume: boolean
  /** How often in a row it does so from the same checkpoint. */
  maxRestarts: number
  maxConcurrentRuns: number
  /** Processes that predict; null for what suits the engine. */
  predictors: number | null
  /** Paths of a certificate and its key; null to speak HTTP in clear. */
  tls: { cert: string; key: string } | null
  /** Milliseconds that stored predictions are kept; null for ever. */
  keepPredictions: number | null
  /** The same of what trainers print. */
  keepRunLogs: number | null
  /** The same of entries of the audit log, which never stay for ever. */
  keepAudit: number
  /** Whether webhooks may lead to other addresses than public ones, and over HTTP in clear. */
  webhooksPrivate: boolean
  /** Whether the server keeps metrics and answers /metrics with them. */
  metrics: boolean
  /** Whether spans of what it does are sent to a collector of OpenTelemetry. */
  traces: boolean
}

/** Every wrong value of the environment, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** What the API's 32-bit counts can say. */
const MOST_PARAMETERS = 2 ** 31 - 1

/** What holds a password or the like is not repeated. */
const SECRETS = [
  'DATABASE_URL',
  'OIDC_CLIENT_SECRET',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_EXPORTER_OTLP_TRACES_HEADERS',
]

const DAY_MS = 24 * 60 * 60 * 1000

const bytes = z
  .string()
  .regex(/^[1-9]\d{0,11} ?([KMG]iB)?$/, 'must be a number of bytes such as 1073741824, 1024 MiB or 1 GiB')
  .transform(toBytes)

const file = z.string().refine(isFile, 'must be a file that exists')

const folder = z.string().refine(isFolder, 'must be a folder that exists')

const duration = z
  .string()
  .regex(/^[1-9]\d{0,4} ?[hd]$/, 'must be a time such as 90d (days) or 36h (hours)')
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('d') ? 24 : 1) * 60 * 60 * 1000)

const days = z
  .string()
  .regex(/^[1-9]\d{0,4}$/, 'must be a number of days such as 365')
  .transform((text) => Number(text) * DAY_MS)

const yesOrNo = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true')

const environment = z
  .object({
    PORT: z
      .string()
      .regex(/^\d{1,5}$/, 'must be a port number from 0 to 65535')
      .transform(Number)
      .refine((port) => port <= 65535, 'must be a port number from 0 to 65535')
      .default(4000),
    // As in a URL, an IPv6 address may stand in brackets.
    HOST: z
      .string()
      .trim()
      .transform((host) => host.replace(/^\[(.*)\]$/, '$1'))
      .default('127.0.0.1'),
    AUTH: z.enum(['none', 'tokens'], 'must be none or tokens').optional(),
    OPERATORS_SHARE: yesOrNo.default(false),
    DATA_DIR: z.string().default('./data'),
    DATABASE_URL: z
      .string()
      .refine((url) => /^postgres(ql)?:\/\/./.test(url), 'must begin with postgres:// or postgresql://')
      .optional(),
    ENGINE: z.enum(ENGINE_CHOICES, `must be one of ${ENGINE_CHOICES.join(', ')}`).default('auto'),
    // These two are read where the engine starts, in processes that inherit them.
    NATIVE_THREADS: z
      .string()
      .regex(/^([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-6])$/, 'must be a number of threads from 1 to 256')
      .optional(),
    NATIVE_ISA: z.enum(INSTRUCTION_SETS, `must be one of ${INSTRUCTION_SETS.join(', ')}`).optional(),
    CIFAR10_DIR: folder.optional(),
    DATASET_SOURCES: z
      .string()
      .transform((list) => list.split(',').map((path) => path.trim()))
      .refine((paths) => paths.every(isFile), 'must be a comma-separated list of files that exist')
      .default([]),
    DATASETS_DIR: folder.optional(),
    LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
    ALLOWED_ORIGINS: z
      .string()
      .transform((list) => list.split(',').map((origin) => origin.trim()))
      .refine(
        (origins) => origins.every(isOrigin),
        'must be a comma-separated list of origins such as https://example.org',
      )
      .default([]),
    TRUST_PROXY: z
      .string()
      .transform((list) => list.split(',').map((proxy) => proxy.trim()))
      .refine(
        isProxyList,
        'must be a comma-separated list of addresses and subnets such as loopback, 10.0.0.0/8',
      )
      .default([]),
    LIMITS: z
      .string()
      .refine(
        (text) => readLimits(text) !== null,
        'must be off, or limits such as operations=1000000/1m,uploads=16GiB/1h,sockets=100',
      )
      .transform((text) => readLimits(text)!)
      .optional(),
    MAX_MODEL_BYTES: bytes.default(2 ** 30),
    MIN_FREE_BYTES: bytes.optional(),
    MAX_DATASET_BYTES: bytes.default(4 * 2 ** 30),
    AUTO_RESUME: yesOrNo.default(true),
    METRICS: yesOrNo.default(true),
    WEBHOOKS_PRIVATE: yesOrNo.default(false),
    TLS_CERT: file.optional(),
    TLS_KEY: file.optional(),
    KEEP_PREDICTIONS: duration.optional(),
    KEEP_RUN_LOGS: duration.optional(),
    AUDIT_DAYS: days.default(365 * DAY_MS),
    MAX_RESTARTS: z
      .string()
      .regex(/^\d{1,4}$/, 'must be a number from 0 to 9999')
      .transform(Number)
      .default(3),
    MAX_CONCURRENT_RUNS: z
      .string()
      .regex(/^([1-9]|[1-5]\d|6[0-4])$/, 'must be a number of runs from 1 to 64')
      .transform(Number)
      .default(1),
    PREDICTORS: z
      .string()
      .regex(/^([1-9]|1[0-6])$/, 'must be a number of processes from 1 to 16')
      .transform(Number)
      .optional(),
    MAX_PARAMETERS: z
      .string()
      .regex(/^\d{1,10}$/, `must be a number from 1 to ${MOST_PARAMETERS}`)
      .transform(Number)
      .refine(
        (count) => count >= 1 && count <= MOST_PARAMETERS,
        `must be a number from 1 to ${MOST_PARAMETERS}`,
      )
      .default(500_000_000),
    PUBLIC_URL: z
      .string()
      .transform((url) => url.replace(/\/$/, ''))
      .refine(isOrigin, 'must be where browsers reach the server, such as https://zoo.example.org')
      .optional(),
    ...OPENID_VARIABLES,
    ...TRACING_VARIABLES,
  })
  .superRefine(checkInstructionSet)
  .superRefine(checkOpenId)
  .superRefine(checkTracing)

/** @throws ConfigError that names every wrong variable */
export function readConfig(variables: NodeJS.ProcessEnv): Config {
  // An empty variable counts as unset, and so does one of blanks: that is what `PORT= npm start` and compose files mean by it.
  const set = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value.trim() !== ''),
  )
  const result = environment.safeParse(set)
  if (!result.success) {
    throw new ConfigError(
      result.error.issues
        .map(({ path: [name], message }) => {
          const isShown = !SECRETS.includes(String(name)) && String(name) in set
          const shown = isShown ? `, not "${set[String(name)]}"` : ''
          return `${String(name)} ${message}${shown}`
        })
        .join('\n'),
    )
  }
  const value = result.data
  if ((value.TLS_CERT === undefined) !== (value.TLS_KEY === undefined)) {
    throw new ConfigError('TLS_CERT and TLS_KEY belong together: set both, or neither')
  }
  return {
    port: value.PORT,
    host: value.HOST,
    auth: value.AUTH ?? null,
    operatorsShare: value.OPERATORS_SHARE,
    dataDir: resolve(value.DATA_DIR),
    databaseUrl: value.DATABASE_URL ?? null,
    engine: value.ENGINE,
    cifar10Dir: value.CIFAR10_DIR === undefined ? null : resolve(value.CIFAR10_DIR),
    datasetSources: value.DATASET_SOURCES.map((path) => resolve(path)),
    logLevel: value.LOG_LEVEL,
    allowedOrigins: value.ALLOWED_ORIGINS,
    trustedProxies: value.TRUST_PROXY,
    publicUrl: value.PUBLIC_URL ?? null,
    openId: openIdOf(value),
    limits: value.LIMITS ?? USUAL_LIMITS,
    limitsLoopback: value.LIMITS !== undefined,
    maxParameters: value.MAX_PARAMETERS,
    datasetsDir: value.DATASETS_DIR === undefined ? null : resolve(value.DATASETS_DIR),
    minFreeBytes: value.MIN_FREE_BYTES ?? null,
    maxModelBytes: value.MAX_MODEL_BYTES,
    maxDatasetBytes: value.MAX_DATASET_BYTES,
    autoResume: value.AUTO_RESUME,
    maxRestarts: value.MAX_RESTARTS,
    maxConcurrentRuns: value.MAX_CONCURRENT_RUNS,
    predictors: value.PREDICTORS ?? null,
    metrics: value.METRICS,
    traces: isTraced(value),
    webhooksPrivate: value.WEBHOOKS_PRIVATE,
    tls:
      value.TLS_CERT && value.TLS_KEY ? { cert: resolve(value.TLS_CERT), key: resolve(value.TLS_KEY) } : null,
    keepPredictions: value.KEEP_PREDICTIONS ?? null,
    keepRunLogs: value.KEEP_RUN_LOGS ?? null,
    keepAudit: value.AUDIT_DAYS,
  }
}

/** An engine that is not native has no use for it. By itself, `auto` would take another engine and not say so. */
function checkInstructionSet(
  { ENGINE, NATIVE_ISA }: { ENGINE: EngineChoice; NATIVE_ISA?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (NATIVE_ISA === undefined || !['auto', 'native'].includes(ENGINE)) return
  const here = instructionSetsHere()
  if (here.includes(NATIVE_ISA)) return
  const message =
    here.length === 0
      ? 'must be unset where the native engine was not built'
      : `must be one that this processor has, ${here.join(' or ')}`
  context.addIssue({ code: 'custom', path: ['NATIVE_ISA'], message })
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}
