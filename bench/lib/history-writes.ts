import type { LossPoint, Prisma, PrismaClient } from '../../src/db/generated/client.ts'
import { insertLossPoints } from '../../src/db/loss-points.ts'
import { writePoints } from '../../src/runs/journal/write-points.ts'
import { median } from './statistics.ts'

const APPENDS = 100
const SIZES = [1, 10, 50, 256]

type Write = (tx: Prisma.TransactionClient, points: LossPoint[]) => Promise<unknown>
const WAYS: Record<string, Write> = {
  'with buckets': writePoints,
  'without buckets': (tx, points) => insertLossPoints(tx, points),
  'without buckets, by createMany': (tx, points) => tx.lossPoint.createMany({ data: points }),
}

/** What the buckets cost whoever writes: appends as src/runs/journal/journal.ts makes them, one after the other, in turns. */
export async function measureAppends(prisma: PrismaClient): Promise<void> {
  console.log(
    'appends per second, one after the other'.padEnd(46) +
      SIZES.map((n) => `${n} points`.padStart(12)).join(''),
  )
  const runs = new Map<string, string>()
  for (const way of Object.keys(WAYS)) {
    const row = { name: way, architecture: 'vgg_mini', dataset: 'cifar10', hyperparameters: {}, seed: 1 }
    runs.set(way, (await prisma.trainingRun.create({ data: { ...row, epochs: 1, attempt: 1 } })).id)
  }
  const rates = new Map<string, number[]>(Object.keys(WAYS).map((way) => [way, []]))
  let step = 0
  for (const size of SIZES) {
    const times = new Map<string, number[]>(Object.keys(WAYS).map((way) => [way, []]))
    for (let i = 0; i < APPENDS; i++) {
      for (const [way, write] of Object.entries(WAYS)) {
        const begun = performance.now()
        await append(prisma, runs.get(way)!, step, size, write)
        times.get(way)!.push(performance.now() - begun)
      }
      step += size
    }
    for (const [way, of] of times) rates.get(way)!.push(1000 / median(of))
  }
  for (const [way, of] of rates) {
    console.log(`  ${way.padEnd(44)}${of.map((rate) => rate.toFixed(0).padStart(12)).join('')}`)
  }
  console.log('')
}

function append(prisma: PrismaClient, runId: string, from: number, size: number, write: Write) {
  return prisma.$transaction(async (tx) => {
    const { lastSeq: seq } = await tx.trainingRun.update({
      where: { id: runId },
      data: { step: from + size, lastSeq: { increment: 1 } },
      select: { lastSeq: true },
    })
    const at = new Date()
    await tx.runEvent.createMany({ data: [{ runId, seq, kind: 'LOSS_POINTS', at, attempt: 1 }] })
    const points = Array.from({ length: size }, (_, i): LossPoint => {
      const step = from + i + 1
      return {
        runId,
        attempt: 1,
        step,
        seq,
        at,
        epoch: step / 390,
        loss: 1 + (step % 7),
        nonFinite: null,
        layer: null,
        learningRate: 0.1,
        imagesPerSecond: 900,
      }
    })
    await write(tx, points)
  })
}
