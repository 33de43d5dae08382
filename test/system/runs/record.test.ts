import { expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { createRunHistory } from '../../../src/runs/history/history.ts'
import { createJournal } from '../../../src/runs/journal/journal.ts'
import { recordTraining } from '../../../src/runs/lifecycle/supervision/record.ts'
import { toRun } from '../../../src/runs/model/run.ts'
import { ENGINE, RUN_ROW, useDatabase } from '../../support/database.ts'

const db = useDatabase()
const STEPS = 10

test('the figures of a run are those of the epochs that count, also when a later attempt trains some again', async () => {
  const { prisma } = db
  const journal = createJournal(prisma, createBus(), createBus(), NO_TELEMETRY, NO_TRACING)
  const { id } = await prisma.trainingRun.create({ data: { ...RUN_ROW, epochs: 9 } })

  async function attempt(number: number, fromStep: number) {
    await prisma.trainingRun.update({ where: { id }, data: { status: 'PREPARING', attempt: number } })
    const run = toRun(await prisma.trainingRun.findUniqueOrThrow({ where: { id } }))
    const record = recordTraining(run, {
      journal,
      history: createRunHistory(prisma),
      checkpoints: { secondsTo: async () => 0, wentOnFrom: async () => {}, save: async () => {} },
      step: fromStep,
      datasetDigest: '',
      requestOf: () => undefined,
      telemetry: NO_TELEMETRY,
    })
    await record.write({ type: 'started', engine: ENGINE, fromStep, steps: 9 * STEPS })
    return (epoch: number, testAccuracy: number | null, testLoss: number | null) =>
      record.write({
        type: 'epoch',
        summary: { epoch, trainLoss: 1, trainAccuracy: 1, testLoss, testAccuracy, seconds: 2 },
        pinned: [],
        progress: {
          epoch,
          step: epoch * STEPS,
          imagesPerSecond: 1,
          secondsRemaining: 1,
          peakMemoryBytes: 1,
          memoryBytes: 1,
          phases: { frozenLayers: 0, data: 0, forwardBackward: 0, optimizer: 0, evaluation: 0, saving: 0 },
        },
      })
  }
  const figures = () =>
    prisma.trainingRun.findUniqueOrThrow({
      where: { id },
      select: { bestTestAccuracy: true, lastTestLoss: true, seconds: true },
    })

  const first = await attempt(1, 0)
  expect(await figures()).toEqual({ bestTestAccuracy: null, lastTestLoss: null, seconds: null })
  await first(1, null, null)
  expect(await figures()).toEqual({ bestTestAccuracy: null, lastTestLoss: null, seconds: 2 })
  await first(2, 0.5, 1.5)
  await first(3, 0.9, 0.5)
  await first(4, 0.4, 2)
  expect(await figures()).toEqual({ bestTestAccuracy: 0.9, lastTestLoss: 2, seconds: 8 })
  // From the midst of the third epoch.
  const second = await attempt(2, 2 * STEPS + 5)
  expect(await figures()).toEqual({ bestTestAccuracy: 0.5, lastTestLoss: 1.5, seconds: 4 })
  await second(3, 0.6, 1)
  // From the end of the third, before it was tested.
  const third = await attempt(3, 3 * STEPS)
  await third(3, 0.7, 0.75)
  expect(await figures()).toEqual({ bestTestAccuracy: 0.7, lastTestLoss: 0.75, seconds: 6 })
})
