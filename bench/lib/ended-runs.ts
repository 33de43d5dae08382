import type { LossPoint, PrismaClient } from '../../src/db/generated/client.ts'
import { figuresOfEpochs } from '../../src/runs/history/compare.ts'
import { writePoints } from '../../src/runs/journal/write-points.ts'
import { hyperparametersOf } from './history-run.ts'
import { NO_ENGINE } from './no-engine.ts'

const EPOCHS = 3
const STEPS_PER_EPOCH = 10
const STEP_MS = 1000
const NETWORKS = ['vgg_mini', 'vgg11', 'vgg16']
const RATES = [0.1, 0.05, 0.01, 0.003]

/** As many runs that have ended as a zoo has after a while, with their losses and epochs, as a server writes them. */
export async function createEndedRuns(prisma: PrismaClient, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await createEndedRun(prisma, i)
}

async function createEndedRun(prisma: PrismaClient, i: number): Promise<void> {
  const learningRate = RATES[i % RATES.length]!
  const imagesPerSecond = 500 + i
  const steps = EPOCHS * STEPS_PER_EPOCH
  const startedAt = new Date(Date.UTC(2026, 0, 1) + i * 3_600_000)
  const lossAt = (step: number) => 0.3 + 2 * Math.exp((-step * (1 + (i % 7))) / steps)
  const epochs = Array.from({ length: EPOCHS }, (_, e) => {
    const loss = lossAt((e + 1) * STEPS_PER_EPOCH)
    const figures = {
      trainLoss: loss,
      trainAccuracy: 1 - loss / 4,
      testLoss: loss,
      testAccuracy: 1 - loss / 4,
    }
    return { epoch: e + 1, ...figures, seconds: (STEPS_PER_EPOCH * STEP_MS) / 1000 }
  })
  const { bestTestAccuracy, lastTestLoss, seconds } = figuresOfEpochs(epochs)
  const { id: runId } = await prisma.trainingRun.create({
    data: {
      name: `run ${i + 1} of many`,
      architecture: NETWORKS[i % NETWORKS.length]!,
      dataset: 'cifar10',
      hyperparameters: hyperparametersOf({ learningRate, epochs: EPOCHS }),
      seed: i,
      status: i % 9 === 8 ? 'CANCELLED' : 'COMPLETED',
      attempt: 1,
      epoch: EPOCHS,
      epochs: EPOCHS,
      step: steps,
      steps,
      imagesPerSecond,
      bestTestAccuracy,
      lastTestLoss,
      seconds,
      lastSeq: 1,
      createdAt: startedAt,
      startedAt,
      finishedAt: new Date(startedAt.getTime() + steps * STEP_MS),
      attempts: { create: { attempt: 1, fromStep: 0, engine: { ...NO_ENGINE }, startedAt } },
      events: { create: { seq: 1, kind: 'LOSS_POINTS', at: startedAt, attempt: 1 } },
      epochSummaries: {
        create: epochs.map((epoch) => ({ attempt: 1, step: epoch.epoch * STEPS_PER_EPOCH, ...epoch })),
      },
    },
  })
  const points = Array.from({ length: steps }, (_, j): LossPoint => {
    const step = j + 1
    const at = new Date(startedAt.getTime() + step * STEP_MS)
    const epoch = step / STEPS_PER_EPOCH
    return {
      runId,
      attempt: 1,
      step,
      seq: 1,
      at,
      epoch,
      loss: lossAt(step),
      nonFinite: null,
      layer: null,
      learningRate,
      imagesPerSecond,
    }
  })
  await prisma.$transaction((tx) => writePoints(tx, points))
}
