import { join } from 'node:path'
import type { Logger } from 'pino'
import { type Auth, openAccess } from './access/service.ts'
import { createAuditLog } from './audit/log.ts'
import { createRemovals } from './concurrency/removals.ts'
import type { Config } from './config.ts'
import { openDatasets } from './data/datasets.ts'
import { createImportFolders } from './data/own/files.ts'
import { createImports } from './data/own/imports.ts'
import { createOwnDatasets } from './data/own/service.ts'
import { createDatasetUploads } from './data/own/uploads.ts'
import { toOwnVersion } from './data/own/version.ts'
import type { Database } from './db/client.ts'
import { createMaintenance, type Maintenance } from './maintenance/service.ts'
import { createChangedModels } from './models/changed-models.ts'
import { createModelService } from './models/service.ts'
import { createWeightsKeeper } from './models/weights-keeper.ts'
import { packageVersion } from './package-version.ts'
import type { Parts } from './parts.ts'
import type { Ports } from './ports/ports.ts'
import { createPredictionBatches } from './predictor/prediction-batches.ts'
import { createPredictionService } from './predictor/predictions.ts'
import type { Predictor } from './predictor/predictor.ts'
import { createFeatureFolders } from './predictor/reasons/feature-folders.ts'
import { createNeighbourSearch } from './predictor/reasons/neighbours.ts'
import { createReasons } from './predictor/reasons/reasons.ts'
import { createServingStats } from './predictor/serving-stats.ts'
import { createPlanner } from './runs/planning/planner.ts'
import { createQueuePlaces } from './runs/planning/queue-place.ts'
import { createRunService } from './runs/service.ts'
import type { Services } from './schema/builder/context.ts'
import { createEvaluationService } from './scoring/evaluations.ts'
import { createModelEvaluator } from './scoring/evaluator.ts'
import type { LowWater } from './storage/low-water.ts'
import type { Room } from './storage/room.ts'
import type { Engines } from './system/engines.ts'
import { createRetention } from './system/retention.ts'
import { createSystemService } from './system/service.ts'
import { createStorageMeter } from './system/storage.ts'
import type { FromTrainer, ToTrainer } from './trainer/protocol.ts'
import { SYSTEM_CLOCK } from './webhooks/clock.ts'
import { createDestinations } from './webhooks/destination.ts'
import { createSend } from './webhooks/send.ts'
import { createWebhooks } from './webhooks/service.ts'
import { openArchitectureRegistry } from './zoo/registry.ts'

/** What the domain stands on. */
export interface Ground extends Ports<ToTrainer, FromTrainer> {
  config: Config
  auth: Auth
  logger: Logger
  database: Database
  engines: Engines
  predictor: Predictor
  /** Of the disk of DATA_DIR. */
  room: Room
  lowWater: LowWater
}

/** Makes the domain, as the API sees it, and puts what a killed server left in order. */
export async function createServices(
  ground: Ground,
  parts: Parts,
): Promise<Services & { maintenance: Maintenance }> {
  const {
    config,
    auth,
    logger,
    database,
    artifacts,
    artifactsFolder,
    openBus,
    openRunQueue,
    trainers,
    telemetry,
    tracing,
    engines,
    predictor,
    room,
    lowWater,
  } = ground
  const { maxParameters, maxConcurrentRuns: concurrency } = config
  const { prisma, checkRoom } = database
  const access = parts.add(
    await openAccess({ auth, operatorsShare: config.operatorsShare, openId: config.openId, prisma, logger }),
  )
  // Behind whatever it tells of: what these did last is written still.
  const audit = parts.add(createAuditLog({ prisma, logger }))
  const architectures = await openArchitectureRegistry({ prisma, maxParameters })
  const datasetsFolder = join(config.dataDir, 'datasets')
  const rows = await prisma.datasetVersion.findMany({ orderBy: { seq: 'asc' } })
  const datasets = parts.add(
    await openDatasets({
      modules: config.datasetSources,
      folder: datasetsFolder,
      given: { cifar10: config.cifar10Dir },
      own: rows.map(toOwnVersion),
      logger,
      telemetry,
    }),
  )
  /** Of what a row names, too: what is known of it outlives the data set. */
  const datasetFacts = (reference: string) => (datasets.get(reference) ?? datasets.named(reference))?.facts
  /** As it trains on the data set. */
  const findArchitecture = (name: string, dataset: string) => architectures.find(name, datasetFacts(dataset))
  const removals = createRemovals()
  const keeper = createWeightsKeeper(prisma, artifacts, removals)
  const changedModels = createChangedModels(prisma, openBus)
  const destinations = createDestinations(config.webhooksPrivate)
  const webhooks = parts.add(
    createWebhooks({
      prisma,
      destinations,
      send: createSend(destinations, { userAgent: `vggzoo/${packageVersion}` }),
      publicUrl: config.publicUrl,
      clock: SYSTEM_CLOCK,
      lowWater,
      telemetry,
      logger,
    }),
  )
  changedModels.listen(webhooks.wake)
  const models = createModelService({
    prisma,
    openBus,
    changedModels,
    artifacts,
    keeper,
    architectures,
    facts: datasetFacts,
    getReady: (versionId) => predictions.getReady(versionId),
    logger,
    telemetry,
  })
  parts.add({ drain: models.close, close: models.close })
  const runs = createRunService({
    prisma,
    openBus,
    openRunQueue,
    changedModels,
    keeper,
    logger,
    telemetry,
    tracing,
    engine: engines.request,
    trainers,
    artifacts,
    artifactsFolder,
    ended: webhooks.wake,
    concurrency,
    lowWater,
    queuedPerOwner: auth === 'none' ? null : config.limits.queued,
    autoResume: config.autoResume,
    maxRestarts: config.maxRestarts,
    datasets,
    datasetFacts,
    architectures,
    maxParameters,
    findArchitecture,
    async prepareDataset(name, signal) {
      const store = datasets.require(name)
      // A trainer takes the fastest engine, and would disturb those that are being timed.
      await engines.settled(signal)
      return { ...(await store.prepare(signal)), facts: store.facts, distrust: store.distrust }
    },
  })
  // Who watches a run or waits for an evaluation hears how it ends. Trainers have the time until their supervisors'
  // patience ends.
  parts.add({ drain: runs.close, close: runs.close })
  await runs.recover()
  await keeper.sweep()
  const folders = createImportFolders(datasetsFolder, removals)
  const pictures = createDatasetUploads(join(datasetsFolder, 'uploads'), config.maxDatasetBytes, room)
  const imports = createImports({
    prisma,
    registry: datasets,
    folders,
    given: config.datasetsDir,
    maxBytes: config.maxDatasetBytes,
    room,
    logger,
    telemetry,
  })
  parts.add({ drain: imports.close, close: imports.close })
  await imports.recover()
  await pictures.sweep()
  imports.wake()
  webhooks.wake()
  const evaluator = createModelEvaluator({ engine: engines.request, artifactsFolder, logger, telemetry })
  parts.add({ drain: evaluator.close, close: evaluator.close })
  const serving = createServingStats(models)
  const predictions = createPredictionService({
    prisma,
    openBus,
    models,
    predictor,
    serving,
    logger,
    architectures,
    datasets,
  })
  const predictionBatches = createPredictionBatches({ openBus, models, predictions, predictor, logger })
  parts.add({ drain: predictionBatches.close, close: predictionBatches.close })
  const reasons = createReasons({
    prisma,
    models,
    architectures,
    predictor,
    datasets,
    folders: createFeatureFolders({
      engine: engines.request,
      artifactsFolder,
      artifacts,
      isWanted: async (digest) => (await prisma.modelVersion.count({ where: { digest } })) > 0,
      logger,
      telemetry,
    }),
    search: createNeighbourSearch({ logger, telemetry }),
    logger,
  })
  parts.add({ drain: reasons.close, close: reasons.close })
  const retention = parts.add(
    createRetention({
      prisma,
      tidy: database.tidy,
      kept: {
        predictions: config.keepPredictions,
        runLogs: config.keepRunLogs,
        audit: config.keepAudit,
      },
      logger,
    }),
  )
  void retention.sweep()
  const system = createSystemService({
    version: packageVersion,
    database: database.kind,
    engine: predictor.engine,
    predictor,
    engineTrials: () => engines.trials,
    storage: createStorageMeter(config.dataDir),
    queue: async () => ({ ...(await runs.counts()), concurrency }),
    openSubscriptions: () =>
      [runs, models.aliases, changedModels, predictions, predictionBatches, serving, datasets].reduce(
        (sum, { listenerCount }) => sum + listenerCount,
        0,
      ),
  })
  const maintenance = parts.add(
    createMaintenance({
      version: packageVersion,
      database,
      prisma,
      dataDir: config.dataDir,
      artifactsFolder,
      datasetsFolder,
      artifacts,
      keeper,
      folders,
      removals,
      logger,
    }),
  )
  await maintenance.sweep()
  return {
    access,
    audit,
    webhooks,
    maintenance,
    architectures,
    datasets,
    ownDatasets: createOwnDatasets({
      prisma,
      registry: datasets,
      imports,
      folders,
      uploads: pictures,
      given: config.datasetsDir,
      room,
      lowWater,
      runsThatNeed: runs.thatNeed,
    }),
    models,
    runs,
    system,
    planner: createPlanner({
      prisma,
      datasets,
      datasetFacts,
      findArchitecture,
      maxParameters,
      engine: system.engine,
      tried: engines.speedOf,
      memoryBytes: system.memoryBytes,
    }),
    queuePlaces: createQueuePlaces({
      prisma,
      concurrency,
      findArchitecture,
      datasetFacts,
      engine: system.engine,
    }),
    predictions,
    predictionBatches,
    serving,
    reasons,
    evaluations: createEvaluationService({
      prisma,
      checkRoom,
      models,
      changedModels,
      evaluator,
      architectures,
      datasets,
      logger,
    }),
  }
}
