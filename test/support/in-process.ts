import { graphql, parse, subscribe } from 'graphql'
import { pino } from 'pino'
import { LOCAL_VIEWER } from '../../src/access/viewer.ts'
import { openArtifactStore } from '../../src/adapters/local/artifact-store.ts'
import { createBus } from '../../src/adapters/local/bus.ts'
import { openRunQueue } from '../../src/adapters/local/run-queue.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../src/adapters/local/tracing.ts'
import { createAuditLog } from '../../src/audit/log.ts'
import { CIFAR10 } from '../../src/data/sources/cifar10/facts.ts'
import type { Prisma, PrismaClient } from '../../src/db/generated/client.ts'
import { createChangedModels } from '../../src/models/changed-models.ts'
import { createModelService } from '../../src/models/service.ts'
import { createWeightsKeeper } from '../../src/models/weights-keeper.ts'
import { COVER } from '../../src/pictures/resize.ts'
import { createPredictionBatches } from '../../src/predictor/prediction-batches.ts'
import { createPredictionService, type PredictionServiceOptions } from '../../src/predictor/predictions.ts'
import type { PredictOutcome } from '../../src/predictor/predictor.ts'
import { createServingStats } from '../../src/predictor/serving-stats.ts'
import { createRunService } from '../../src/runs/service.ts'
import type { Context, Services } from '../../src/schema/builder/context.ts'
import { schema } from '../../src/schema/index.ts'
import { ADDRESSES } from '../../src/server/addresses.ts'
import { toClientError } from '../../src/server/graphql/client-error.ts'
import { NEVER_LOW } from '../../src/storage/low-water.ts'
import { openArchitectureRegistry } from '../../src/zoo/registry.ts'
import { knownByFacts } from './datasets.ts'
import { NO_TRAINERS } from './no-trainers.ts'
import type { GraphQLResult } from './server.ts'

const MAX_PARAMETERS = 1e9

/** What is not there of a server: trainers, and the process that predicts. */
const IDLE: PredictionServiceOptions['predictor'] = {
  predict: () => Promise.reject(new Error('Nothing predicts here.')),
  inspect: () => Promise.reject(new Error('Nothing predicts here.')),
  warm: async () => {},
  isLoaded: () => false,
}

/** What a predictor says of any picture, for a network of 32 x 32 pixels. */
export function outcomeOf(label: string): PredictOutcome {
  return {
    probabilities: [{ label, probability: 1 }],
    pixels: new Uint8Array(32 * 32 * 3),
    latencyMs: 1,
    times: { decodeMs: 0, queueMs: 0, computeMs: 1, batch: 1 },
  }
}

export interface InProcess
  extends Pick<
    Services,
    'architectures' | 'models' | 'runs' | 'predictions' | 'predictionBatches' | 'serving'
  > {
  execute(source: string, variables?: Record<string, unknown>): Promise<GraphQLResult>
  subscribe(source: string): Promise<AsyncIterableIterator<GraphQLResult>>
  /** The same for what must succeed: answers its data. */
  query(source: string, variables?: Record<string, unknown>): Promise<NonNullable<GraphQLResult['data']>>
}

/** The API on a database, without a server around it: for what is about rows alone. */
export async function openInProcess(
  prisma: PrismaClient,
  folder: string,
  predictor: Partial<PredictionServiceOptions['predictor']> = {},
): Promise<InProcess> {
  const logger = pino({ level: 'silent' })
  const artifacts = openArtifactStore(folder)
  const keeper = createWeightsKeeper(prisma, artifacts)
  const architectures = await openArchitectureRegistry({ prisma, maxParameters: MAX_PARAMETERS })
  const facts = () => CIFAR10
  const changedModels = createChangedModels(prisma, createBus)
  const models = createModelService({
    prisma,
    openBus: createBus,
    changedModels,
    artifacts,
    keeper,
    architectures,
    facts,
    getReady: (versionId) => predictions.getReady(versionId),
    logger,
    telemetry: NO_TELEMETRY,
  })
  const datasets = knownByFacts(CIFAR10)
  const runs = createRunService({
    prisma,
    openBus: createBus,
    openRunQueue,
    changedModels,
    keeper,
    logger,
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    engine: 'cpu',
    trainers: NO_TRAINERS,
    artifacts,
    artifactsFolder: folder,
    autoResume: false,
    maxRestarts: 0,
    concurrency: 0,
    lowWater: NEVER_LOW,
    queuedPerOwner: null,
    datasets,
    datasetFacts: facts,
    findArchitecture: (name) => architectures.find(name),
    architectures,
    maxParameters: MAX_PARAMETERS,
    prepareDataset: () => Promise.reject(new Error('Nothing trains here.')),
  })
  const serving = createServingStats(models)
  const predictions = createPredictionService({
    prisma,
    openBus: createBus,
    models,
    serving,
    predictor: { ...IDLE, ...predictor },
    logger,
    architectures,
    datasets,
  })
  const predictionBatches = createPredictionBatches({
    openBus: createBus,
    models,
    predictions,
    predictor: { queueDepth: 0 },
    logger,
  })
  const audit = createAuditLog({ prisma, logger })
  const parts = { architectures, models, runs, predictions, predictionBatches, serving }
  const contextOf = () =>
    ({
      ...parts,
      audit,
      addresses: ADDRESSES,
      viewer: LOCAL_VIEWER,
      datasets,
      database: { prisma },
    }) as unknown as Context
  const execute = async (source: string, variableValues?: Record<string, unknown>) => {
    const { data, errors } = await graphql({ schema, source, variableValues, contextValue: contextOf() })
    const seen = errors?.map((error) => toClientError(error).toJSON())
    return JSON.parse(JSON.stringify({ data, errors: seen })) as GraphQLResult
  }
  return {
    ...parts,
    execute,
    async subscribe(source) {
      const stream = await subscribe({ schema, document: parse(source), contextValue: contextOf() })
      if ('errors' in stream) throw new Error(stream.errors?.[0]?.message)
      return stream as AsyncIterableIterator<GraphQLResult>
    },
    async query(source, variables) {
      const { data, errors } = await execute(source, variables)
      if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '))
      return data
    },
  }
}

/** What a row of ModelVersion needs at least, beside its model and number. */
export const VERSION_ROW = {
  architecture: 'vgg_mini',
  bytes: 1,
  digest: '0'.repeat(64),
  preprocessing: {
    size: [32, 32],
    resize: COVER,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    labels: [...CIFAR10.classes],
  },
} satisfies Partial<Prisma.ModelVersionUncheckedCreateInput>

/** What a row of Prediction needs at least, beside its version. */
export const PREDICTION_ROW = {
  label: 'cat',
  confidence: 1,
  probabilities: [],
  input: new Uint8Array(1),
  latencyMs: 1,
} satisfies Partial<Prisma.PredictionUncheckedCreateInput>
