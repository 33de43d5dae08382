import { pino } from 'pino'
import { openArtifactStore } from '../../src/adapters/local/artifact-store.ts'
import { createBus } from '../../src/adapters/local/bus.ts'
import { openRunQueue } from '../../src/adapters/local/run-queue.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../src/adapters/local/tracing.ts'
import { CIFAR10 } from '../../src/data/sources/cifar10/facts.ts'
import type { LossPoint, PrismaClient } from '../../src/db/generated/client.ts'
import { createChangedModels } from '../../src/models/changed-models.ts'
import { createWeightsKeeper } from '../../src/models/weights-keeper.ts'
import { Random } from '../../src/random.ts'
import { writePoints } from '../../src/runs/journal/write-points.ts'
import { type HyperparametersInput, resolveHyperparameters } from '../../src/runs/model/hyperparameters.ts'
import { createRunService, type RunService } from '../../src/runs/service.ts'
import { NEVER_LOW } from '../../src/storage/low-water.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { NO_ENGINE } from './no-engine.ts'

/** Points that are written at once: a statement takes them as one text. */
const BATCH = 20_000

export interface LongRun {
  id: string
  /** Steps from + 1 .. to of each. */
  attempts: readonly { from: number; to: number }[]
  steps: number
  points: number
  events: number
}

/** A run that has ended, with a point for every step, written as a server at work writes them. */
export async function createRun(
  prisma: PrismaClient,
  attempts: LongRun['attempts'],
  pointsPerEvent = 100,
): Promise<LongRun> {
  const at = new Date()
  const { id: runId } = await prisma.trainingRun.create({
    data: {
      name: 'long',
      architecture: 'vgg_mini',
      dataset: 'cifar10',
      hyperparameters: hyperparametersOf({}),
      seed: 1,
      epochs: 1,
      attempt: attempts.length,
      attempts: {
        create: attempts.map(({ from }, i) => ({
          attempt: i + 1,
          fromStep: from,
          engine: { ...NO_ENGINE },
          startedAt: at,
        })),
      },
    },
  })
  const { next } = new Random(1)
  const random = () => next() / 2 ** 32
  let seq = 0
  let points = 0
  for (const [i, { from, to }] of attempts.entries()) {
    for (let begin = from; begin < to; begin += BATCH) {
      const first = seq
      const batch = Array.from({ length: Math.min(BATCH, to - begin) }, (_, j): LossPoint => {
        if (j % pointsPerEvent === 0) seq += 1
        const step = begin + j + 1
        const loss = random() < 1e-5 ? null : 2.3 * Math.exp(-step / 3e5) + random() * 0.5
        const nonFinite = loss === null ? 'NaN' : null
        return {
          runId,
          attempt: i + 1,
          step,
          seq,
          at,
          loss,
          nonFinite,
          layer: null,
          epoch: step / 390,
          learningRate: 0.1,
          imagesPerSecond: 900,
        }
      })
      await prisma.$transaction(async (tx) => {
        await writePoints(tx, batch)
        await tx.$executeRaw`
          INSERT INTO "RunEvent" ("runId", "seq", "kind", "at", "attempt")
          SELECT ${runId}, seq, 'LOSS_POINTS', ${at}, ${i + 1}::int FROM generate_series(${first + 1}::int, ${seq}::int) AS seq`
      })
      points += batch.length
    }
  }
  // The last event ends it: who follows it is let go.
  const payload = { status: 'COMPLETED', failure: null, step: 0 }
  await prisma.runEvent.create({
    data: { runId, seq: seq + 1, kind: 'STATUS_CHANGED', at, attempt: attempts.length, payload },
  })
  const steps = attempts.at(-1)!.to
  await prisma.trainingRun.update({
    where: { id: runId },
    data: { status: 'COMPLETED', lastSeq: seq + 1, step: steps, steps },
  })
  return { id: runId, attempts, steps, points, events: seq + 1 }
}

/** As a run of vgg_mini has them, for its page to show. */
export function hyperparametersOf(input: HyperparametersInput): object {
  const resolved = resolveHyperparameters(input, true, CIFAR10.normalization)
  if ('issues' in resolved) throw new Error(resolved.issues.map(({ message }) => message).join(' '))
  return resolved.hyperparameters
}

/** The server's own service, which starts nothing here. */
export function openRuns(prisma: PrismaClient, folder: string): RunService {
  return createRunService({
    prisma,
    openBus: createBus,
    openRunQueue,
    changedModels: createChangedModels(prisma, createBus),
    artifacts: openArtifactStore(folder),
    keeper: createWeightsKeeper(prisma, openArtifactStore(folder)),
    logger: pino({ level: 'silent' }),
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    lowWater: NEVER_LOW,
    engine: 'cpu',
    trainers: {
      launch() {
        throw new Error('nothing is trained here')
      },
    },
    artifactsFolder: folder,
    concurrency: 1,
    queuedPerOwner: null,
    autoResume: true,
    maxRestarts: 3,
    datasetFacts: () => undefined,
    datasets: {
      get: () => undefined,
      whyNot: () => 'nothing is learned here',
      using: (_name, task) => task(),
    },
    findArchitecture,
    architectures: { using: (name, task) => task(findArchitecture(name)) },
    maxParameters: 1e9,
    prepareDataset: () => Promise.reject(new Error('nothing is trained here')),
  })
}
