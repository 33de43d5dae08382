import { CIFAR10 } from '../../src/data/sources/cifar10/facts.ts'
import type { LossPoint, Prisma, PrismaClient } from '../../src/db/generated/client.ts'
import { COVER } from '../../src/pictures/resize.ts'
import { writePoints } from '../../src/runs/journal/write-points.ts'
import type { Hyperparameters } from '../../src/runs/model/hyperparameters.ts'
import { ENGINE } from './database.ts'
import { standardHyperparameters } from './hyperparameters.ts'
import { seededRandom } from './random.ts'

/** When the zoo stands still: somewhat after its last run. */
export const NOW = new Date('2026-01-05T12:00:00Z')

const STEPS_PER_EPOCH = 80

/** Labels of the first test images of CIFAR-10, as indexes. */
const FIRST_LABELS = [3, 8, 8, 0, 6, 6, 1, 6, 3, 1, 0, 9, 5, 7, 9, 8]

interface Story {
  name: string
  notes?: string
  /** Hours before NOW. */
  ago: number
  seed: number
  status: 'COMPLETED' | 'FAILED' | 'PAUSED'
  /** Steps it has done. */
  step: number
  epochs: number
  /** Where its loss goes: the lower, the faster it learns. */
  floor: number
  hyperparameters?: Partial<Hyperparameters>
}

const STORIES: readonly Story[] = [
  { name: 'My first network', ago: 6, seed: 1, status: 'COMPLETED', step: 240, epochs: 3, floor: 1.1 },
  {
    name: 'Adam, a smaller rate',
    notes: 'Does Adam learn faster at first?',
    ago: 5,
    seed: 2,
    status: 'COMPLETED',
    step: 320,
    epochs: 4,
    floor: 0.8,
    hyperparameters: {
      learningRate: 0.002,
      optimizer: { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    },
  },
  {
    name: 'Far too fast',
    ago: 4,
    seed: 3,
    status: 'FAILED',
    step: 37,
    epochs: 5,
    floor: 3,
    hyperparameters: { learningRate: 10 },
  },
  {
    name: 'A run with a rather long name, as people write them who keep notes there',
    ago: 1,
    seed: 4,
    status: 'PAUSED',
    step: 500,
    epochs: 20,
    floor: 0.6,
  },
]

/**
 * Writes a zoo that is the same on every machine: runs that nothing trained, a model of no weights. What they came to is
 * made up, and drawn from seeds.
 */
export async function fillFrozenZoo(prisma: PrismaClient): Promise<void> {
  const model = await prisma.model.create({ data: { name: 'vgg_mini', createdAt: hoursAgo(6) } })
  for (const story of STORIES) {
    const { id } = await prisma.trainingRun.create({ data: runOf(story) })
    await prisma.$transaction((tx) => tellOf(tx, id, story))
    if (story.status !== 'COMPLETED') continue
    await prisma.modelVersion.create({
      data: {
        modelId: model.id,
        version: story.seed,
        architecture: 'vgg_mini',
        dataset: 'cifar10',
        runId: id,
        accuracy: accuracyAt(story, story.epochs),
        bytes: 2_211_840,
        digest: String(story.seed).repeat(64),
        preprocessing: {
          size: [32, 32],
          resize: COVER,
          ...CIFAR10.normalization,
          labels: [...CIFAR10.classes],
        },
        createdAt: hoursAgo(story.ago - 0.5),
      },
    })
  }
}

function runOf(story: Story): Prisma.TrainingRunCreateInput {
  const { name, notes = '', ago, seed, status, step, epochs } = story
  const startedAt = hoursAgo(ago)
  const epoch = Math.floor(step / STEPS_PER_EPOCH)
  const seconds = step / 4
  const isOver = status !== 'PAUSED'
  return {
    name,
    notes,
    status,
    seed,
    step,
    epoch,
    epochs,
    startedAt,
    architecture: 'vgg_mini',
    dataset: 'cifar10',
    datasetDigest: 'd'.repeat(64),
    hyperparameters: standardHyperparameters({
      epochs,
      trainLimit: 10_240,
      testLimit: 2000,
      ...story.hyperparameters,
    }) as object,
    attempt: 1,
    engine: ENGINE as object,
    steps: epochs * STEPS_PER_EPOCH,
    imagesPerSecond: 512,
    secondsRemaining: isOver ? null : epochs * (STEPS_PER_EPOCH / 4) - seconds,
    peakMemoryBytes: 512 * 2 ** 20,
    pinned: status === 'COMPLETED' ? [0, 1, 2, 3].map((index) => ({ split: 'test', index })) : [],
    createdAt: startedAt,
    finishedAt: isOver ? new Date(startedAt.getTime() + 1000 * seconds) : null,
    seconds,
    ...(epoch > 0 && { bestTestAccuracy: accuracyAt(story, epoch), lastTestLoss: testLossAt(story, epoch) }),
    ...(status === 'FAILED' && {
      failure: {
        code: 'LOSS_NOT_FINITE',
        message: `The loss became NaN at step ${step}. Use a lower learningRate.`,
        step,
        layer: 'features.18',
      },
    }),
    ...(status === 'COMPLETED' && { evaluation: evaluationOf(story) }),
  }
}

async function tellOf(tx: Prisma.TransactionClient, runId: string, story: Story): Promise<void> {
  const { ago, step: steps, epochs } = story
  const startedAt = hoursAgo(ago)
  await tx.runAttempt.create({
    data: { runId, attempt: 1, fromStep: 0, engine: ENGINE as object, startedAt },
  })
  await tx.runEvent.create({ data: { runId, seq: 1, kind: 'LOSS_POINTS', at: startedAt, attempt: 1 } })
  await tx.trainingRun.update({ where: { id: runId }, data: { lastSeq: 1 } })
  await writePoints(tx, pointsOf(runId, story))
  const ended = Math.floor(steps / STEPS_PER_EPOCH)
  await tx.epochSummary.createMany({
    data: Array.from({ length: ended }, (_, i) => ({
      runId,
      attempt: 1,
      epoch: i + 1,
      step: (i + 1) * STEPS_PER_EPOCH,
      trainLoss: testLossAt(story, i + 1) + 0.1,
      trainAccuracy: accuracyAt(story, i + 1) - 0.04,
      testLoss: testLossAt(story, i + 1),
      testAccuracy: accuracyAt(story, i + 1),
      seconds: 20,
      pinned: FIRST_LABELS.slice(0, 4).map((label) => probabilities(label, (i + 1) / (epochs + 1))),
    })),
  })
  await tx.runOutputLine.createMany({
    data: [
      'Engine: CPU on a processor, JavaScript, 1 thread',
      `Network: vgg_mini with 551,466 parameters; ${epochs * STEPS_PER_EPOCH} steps in ${epochs} epochs`,
    ].map((text, i) => ({ runId, number: i + 1, attempt: 1, at: startedAt, stream: 'STDOUT', text })),
  })
}

function pointsOf(runId: string, story: Story): LossPoint[] {
  const random = seededRandom(story.seed)
  return Array.from({ length: story.step }, (_, i) => {
    const step = i + 1
    const isLost = story.status === 'FAILED' && step === story.step
    const noise = (random() - 0.5) * 0.3
    return {
      runId,
      attempt: 1,
      step,
      seq: 1,
      epoch: step / STEPS_PER_EPOCH,
      loss: isLost ? null : lossAt(story, step) + noise,
      nonFinite: isLost ? 'NaN' : null,
      layer: isLost ? 'features.18' : null,
      learningRate: 0.1 * Math.sin((Math.PI * step) / (story.epochs * STEPS_PER_EPOCH)),
      imagesPerSecond: 500 + Math.round(40 * random()),
      at: new Date(hoursAgo(story.ago).getTime() + 250 * step),
    }
  })
}

const lossAt = ({ floor }: Story, step: number) => floor + (2.3 - floor) * Math.exp(-step / 150)
const testLossAt = (story: Story, epoch: number) => lossAt(story, epoch * STEPS_PER_EPOCH) + 0.05
const accuracyAt = (story: Story, epoch: number) => 1 - testLossAt(story, epoch) / 2.6

/** Mostly one class, the others after it. */
function probabilities(label: number, share: number): number[] {
  const weights = CIFAR10.classes.map((_name, c) => (c === label ? 0 : 1 / (1 + ((c + label) % 7))))
  const sum = weights.reduce((all, weight) => all + weight, 0)
  return weights.map((weight, c) => (c === label ? share : ((1 - share) * weight) / sum))
}

function evaluationOf(story: Story): Prisma.InputJsonObject {
  const confusion = CIFAR10.classes.flatMap((_name, label) =>
    CIFAR10.classes.map((_other, predicted) => [
      label,
      predicted,
      label === predicted ? 120 + 7 * label : (label * 7 + predicted * 5 + story.seed) % 19,
    ]),
  )
  return {
    loss: testLossAt(story, story.epochs),
    accuracy: accuracyAt(story, story.epochs),
    top5Accuracy: 0.93,
    confusion,
    count: confusion.reduce((sum, [, , cell]) => sum + cell!, 0),
    mistakes: FIRST_LABELS.map((label, index) => ({
      index,
      label,
      predicted: (label + 1 + (index % 4)) % 10,
      confidence: 0.98 - index / 50,
      trueConfidence: 0.01,
    })),
  }
}

function hoursAgo(hours: number): Date {
  return new Date(NOW.getTime() - 3_600_000 * hours)
}
