import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { openArtifactStore } from './adapters/local/artifact-store.ts'
import { createBus } from './adapters/local/bus.ts'
import type { Config } from './config.ts'
import { createCifar10Store, type DatasetStore } from './data/dataset.ts'
import { openDatabase } from './db/client.ts'
import { claimPostgres } from './db/postgres-claim.ts'
import { claim } from './db/single-owner.ts'
import { createModelService } from './models/service.ts'
import { createWeightsKeeper } from './models/weights-keeper.ts'
import { createPredictionService } from './predictor/predictions.ts'
import { createPredictor } from './predictor/predictor.ts'
import { createRunService } from './runs/lifecycle/service.ts'
import { createPlanner } from './runs/planning/planner.ts'
import { createQueuePlaces } from './runs/planning/queue-place.ts'
import { createEvaluationService } from './scoring/evaluations.ts'
import { createModelEvaluator } from './scoring/evaluator.ts'
import { createDownloadHandler } from './server/downloads.ts'
import { createGraphQLHandler, createUploadHandler } from './server/graphql/graphql.ts'
import { listen } from './server/http.ts'
import { createOriginPolicy } from './server/origin.ts'
import { createUploadStore } from './server/upload-store.ts'
import { prepareDataFolder } from './storage/data-folder.ts'
import { watchRoom } from './storage/room.ts'
import { createSystemService } from './system/service.ts'
import { fitArchitecture } from './zoo/fit.ts'
import { openArchitectureRegistry } from './zoo/registry.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export interface App {
  readonly url: string
  close(): Promise<void>
}

/**
 * Puts the parts together, lowest first, and takes them apart in the other order.
 * @param stopping  ends a start that is still under way: it rejects when its parts are apart again
 */
export async function startApp(config: Config, logger: Logger, stopping: AbortSignal): Promise<App> {
  const closing: (() => Promise<unknown>)[] = []
  const onClose = <Part>(part: Part, close: (part: Part) => Promise<unknown>): Part => {
    closing.unshift(() => close(part))
    stopping.throwIfAborted()
    return part
  }
  const close = async () => {
    for (const step of closing.splice(0)) {
      await step().catch((error: unknown) => logger.error({ err: error }, 'closing a part failed'))
    }
  }
  try {
    // Before the data folder is touched: of a HOST or PORT that cannot be had a person hears at once.
    const server = onClose(await listen(config.host, config.port), (it) => it.close())
    const usesFolder = config.databaseUrl === null ? (['database'] as const) : []
    prepareDataFolder(config.dataDir, [...usesFolder, 'artifacts', 'uploads', 'datasets'])
    const room = watchRoom(config.dataDir)
    onClose(await claim(config.dataDir), (it) => it.release())
    if (config.databaseUrl !== null) {
      const lost = (error: Error) => {
        // Another server may take the queue now: two must not run it.
        logger.fatal({ err: error }, 'the claim on the database is lost; start again when it answers')
        // For supervisors that start again what ended with a failure.
        process.exitCode = 1
        process.kill(process.pid, 'SIGTERM')
      }
      onClose(await claimPostgres(config.databaseUrl, lost), (it) => it.release())
    }
    const artifactsFolder = join(config.dataDir, 'artifacts')
    // Started first, so that its engine loads while the database opens.
    const predictor = onClose(
      createPredictor({ engine: config.engine, artifactsFolder, log: logger }),
      (it) => it.close(),
    )
    predictor.start()
    const database = onClose(
      await openDatabase({
        url: config.databaseUrl ?? undefined,
        folder: join(config.dataDir, 'database'),
        room,
      }),
      (it) => it.close(),
    )
    if (database.applied.length > 0) logger.info({ migrations: database.applied }, 'database migrated')

    const { maxParameters, maxConcurrentRuns: concurrency } = config
    const architectures = await openArchitectureRegistry({ prisma: database.prisma, maxParameters })
    const cifar10 = onClose(
      createCifar10Store({
        folder: join(config.dataDir, 'datasets'),
        cifar10Dir: config.cifar10Dir ?? undefined,
        log: logger,
      }),
      (it) => it.close(),
    )
    const datasets = new Map<string, DatasetStore>([[cifar10.facts.name, cifar10]])
    const datasetFacts = (name: string) => datasets.get(name)?.facts
    /** As it trains on the data set. */
    const findArchitecture = (name: string) => {
      const architecture = architectures.find(name)
      return (
        architecture && fitArchitecture(architecture, cifar10.facts.imageShape, cifar10.facts.classes.length)
      )
    }
    // An engine that a person chose and that is not there stops the start; `auto` always finds one.
    if (config.engine !== 'auto') {
      await Promise.race([predictor.engine(), once(stopping, 'abort')])
      stopping.throwIfAborted()
    }

    const artifacts = openArtifactStore(artifactsFolder, room)
    const keeper = createWeightsKeeper(database.prisma, artifacts)
    const models = onClose(
      createModelService({
        openBus: createBus,
        prisma: database.prisma,
        artifacts,
        keeper,
        architectures,
        facts: datasetFacts,
        log: logger,
      }),
      (it) => it.close(),
    )
    const runs = onClose(
      createRunService({
        openBus: createBus,
        prisma: database.prisma,
        keeper,
        logger,
        engine: config.engine,
        artifacts,
        artifactsFolder,
        concurrency,
        autoResume: config.autoResume,
        maxRestarts: config.maxRestarts,
        datasets: [...datasets.keys()],
        datasetFacts,
        architectures,
        maxParameters,
        findArchitecture,
        async prepareDataset(name, signal) {
          const store = datasets.get(name)
          if (store === undefined) throw new Error(`The data set ${name} is not known to this server.`)
          return { ...(await store.prepare(signal)), facts: store.facts, distrust: store.distrust }
        },
      }),
      (it) => it.close(),
    )
    await runs.recover()
    await keeper.sweep()
    const uploads = createUploadStore(join(config.dataDir, 'uploads'), config.maxModelBytes, room)
    await uploads.sweep()

    const system = createSystemService({
      version,
      database: database.kind,
      engine: () => predictor.engine(),
      queue: async () => ({ ...(await runs.counts()), concurrency }),
      openSubscriptions: () => runs.listenerCount + models.aliases.listenerCount,
    })
    const planner = createPlanner({
      prisma: database.prisma,
      architectures,
      dataset: cifar10.facts,
      maxParameters,
      engine: system.engine,
      memoryBytes: system.memoryBytes,
    })
    const queuePlaces = createQueuePlaces({
      prisma: database.prisma,
      concurrency,
      findArchitecture,
      datasetFacts,
      engine: system.engine,
    })
    const predictions = createPredictionService({
      prisma: database.prisma,
      models,
      predictor,
      logger,
      architectures,
      datasets,
    })
    const evaluator = onClose(
      createModelEvaluator({ engine: config.engine, artifactsFolder, log: logger }),
      (it) => it.close(),
    )
    const evaluations = createEvaluationService({
      prisma: database.prisma,
      checkRoom: database.checkRoom,
      models,
      evaluator,
      architectures,
      datasets,
      logger,
    })
    const { allowedOrigins } = config
    const api = {
      context: {
        architectures,
        planner,
        runs,
        queuePlaces,
        models,
        predictions,
        evaluations,
        datasets,
        system,
        database: { prisma: database.prisma },
      },
      allowedOrigins,
      logger,
    }
    server.serve({
      handler: createGraphQLHandler(api),
      uploadHandler: createUploadHandler({ ...api, uploads }),
      downloads: createDownloadHandler({ find: models.downloads.find, allowedOrigins, logger }),
      policy: createOriginPolicy({ host: config.host, address: server.address, allowedOrigins }),
      async health() {
        room.check()
        await database.prisma.$queryRaw`SELECT 1`
        return { status: 'ok', version }
      },
    })
    // Before the parts that they answer with.
    onClose(server, (it) => it.close())
    // Once more, before the server's own: who watches a run or waits for an evaluation hears how it ends. Both at once,
    // for trainers have the time until their supervisors' patience ends.
    onClose([runs, evaluator], (parts) => Promise.all(parts.map((it) => it.close())))
    await runs.startQueue()
    return { url: server.url, close }
  } catch (error) {
    await close()
    throw error
  }
}
