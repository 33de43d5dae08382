import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { openLocalPorts } from './adapters/local/ports.ts'
import { NO_TELEMETRY } from './adapters/local/telemetry.ts'
import { createMetrics } from './adapters/metrics/metrics.ts'
import { openTracing } from './adapters/tracing/open.ts'
import { claimData } from './claims.ts'
import type { Config } from './config.ts'
import { openDatabase } from './db/client.ts'
import { packageVersion } from './package-version.ts'
import { createParts } from './parts.ts'
import type { Ports } from './ports/ports.ts'
import { usualProcesses } from './predictor/devices.ts'
import { createPredictor } from './predictor/predictor.ts'
import { authAt } from './server/access/exposure.ts'
import { serveApi } from './server/api.ts'
import { listen } from './server/http.ts'
import { createUploadLimits } from './server/upload-limits.ts'
import { createUploadStore } from './server/upload-store.ts'
import { createServices } from './services.ts'
import { prepareDataFolder } from './storage/data-folder.ts'
import { watchLowWater } from './storage/low-water.ts'
import { diskOf, watchRoom } from './storage/room.ts'
import { createEngines } from './system/engines.ts'
import type { FromTrainer, ToTrainer } from './trainer/protocol.ts'

export interface App {
  readonly url: string
  close(): Promise<void>
}

/**
 * Puts the parts together, lowest first, and takes them apart in the other order.
 * @param stopping  ends a start that is still under way: it rejects when its parts are apart again
 * @param given  what stands in the place of the usual ports
 */
export async function startApp(
  config: Config,
  logger: Logger,
  stopping: AbortSignal,
  given: Partial<Ports<ToTrainer, FromTrainer>> = {},
): Promise<App> {
  const { dataDir, databaseUrl, engine, allowedOrigins, trustedProxies, limits, limitsLoopback } = config
  const parts = createParts(logger, stopping)
  let databaseSize: () => Promise<number> = () => Promise.reject(new Error('It is not open yet.'))
  const metrics = config.metrics
    ? createMetrics({
        version: packageVersion,
        disk: () => diskOf(dataDir),
        databaseBytes: () => databaseSize(),
      })
    : null
  const { telemetry = metrics?.telemetry ?? NO_TELEMETRY } = given
  try {
    // First, and so closed last: what the other parts do at their end is told, too.
    const tracing = parts.add(
      await openTracing(config.traces, {
        process: 'server',
        version: packageVersion,
        warn: (details, message) => logger.warn(details, message),
      }),
    )
    // Before the data folder is touched: of a HOST or PORT that cannot be had a person hears at once.
    const server = parts.add(await listen(config.host, config.port, { tls: config.tls, logger }))

    const auth = authAt(server.address, config)

    const usesFolder = databaseUrl === null ? (['database'] as const) : []
    prepareDataFolder(dataDir, [...usesFolder, 'artifacts', 'uploads', 'datasets'])
    const room = watchRoom(dataDir)
    const lowWater = parts.add(watchLowWater(dataDir, config.minFreeBytes))
    const lost = await claimData(config, logger, parts)

    const file = join(dataDir, 'engines.json')
    const engines = createEngines({ choice: engine, file, version: packageVersion, logger, telemetry })
    parts.add({ drain: engines.close, close: engines.close })
    // Started first, so that its engine loads while the database opens.
    const artifactsFolder = join(dataDir, 'artifacts')
    const predictor = parts.add(
      createPredictor({
        engine: engines.request,
        processes: config.predictors ?? usualProcesses(engine),
        artifactsFolder,
        logger,
        telemetry,
        tracing,
      }),
    )
    predictor.start()

    const folder = join(dataDir, 'database')
    const database = parts.add(await openDatabase({ url: databaseUrl ?? undefined, folder, room, lost }))
    databaseSize = database.size
    if (database.applied.length > 0) logger.info({ migrations: database.applied }, 'database migrated')
    // An engine that a person chose and that is not there stops the start; `auto` always finds one.
    if (engine !== 'auto') await Promise.race([predictor.engine(), once(stopping, 'abort')])
    stopping.throwIfAborted()

    const trainer = new URL('./trainer/trainer-process.js', import.meta.url)
    const usual = openLocalPorts<ToTrainer, FromTrainer>({
      artifactsFolder,
      room,
      trainer,
      telemetry,
      tracing,
    })
    const ports = { ...usual, ...given }
    const { maintenance, ...services } = await createServices(
      { ...ports, config, auth, logger, database, engines, predictor, room, lowWater },
      parts,
    )
    const uploads = createUploadStore(join(dataDir, 'uploads'), createUploadLimits(config), room, lowWater)
    await uploads.sweep()

    const { prisma } = database
    async function readiness() {
      const [databaseProblem, predictorProblem] = await Promise.all([
        problemOf('The database', database.size()),
        problemOf('The predictor', predictor.engine()),
      ])
      return { database: databaseProblem, disk: room.problem(), predictor: predictorProblem }
    }
    // Added last and so closed first, before the parts that it answers with.
    parts.add(
      serveApi(server, {
        services,
        maintenance,
        prisma,
        uploads,
        host: config.host,
        allowedOrigins,
        publicUrl: config.publicUrl,
        openId: config.openId,
        trustedProxies,
        limits,
        limitsLoopback,
        logger,
        telemetry,
        tracing,
        readiness,
        metrics,
      }),
    )
    engines.compare(predictor.engine())
    // Whoever asks meanwhile waits for no other model than the one that was asked.
    void services.predictions.warmAliased(engines.settled(stopping))
    await services.runs.startQueue()
    return { url: server.url, close: parts.close }
  } catch (error) {
    await parts.close()
    throw error
  }
}

/** For whoever asks whether the server is ready: a load balancer waits no longer either. */
const ANSWER_MS = 2000

/** What is wrong with a part that should answer, as a sentence; null when it does. */
async function problemOf(what: string, answer: Promise<unknown>): Promise<string | null> {
  const late = `${what} has not answered within ${ANSWER_MS / 1000} s.`
  const answered = answer.then(
    () => null,
    () => `${what} does not answer.`,
  )
  return Promise.race([answered, setTimeout(ANSWER_MS, late, { ref: false })])
}
