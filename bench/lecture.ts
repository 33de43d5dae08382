/**
 * Beside the losses that the lecture printed. Ends with 1 when a point of the first epoch is off by more than 0.03, or
 * one of the next two by more than 0.15.
 */
import { defineBench } from './lib/bench.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { eventsOf, inputOf, startRun } from './lib/training-runs.ts'

/** What it printed: the loss points of its first three epochs. */
const LECTURE = [
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: 2.302 is what it printed and not ln 10
  { points: [2.302, 2.299, 2.284], tolerance: 0.03 },
  { points: [2.208, 2.128, 2.068], tolerance: 0.15 },
  { points: [1.974, 1.856, 1.793], tolerance: 0.15 },
]
/** Its `if i % 30 == 29`: the eight batches after the 90th are not printed. */
const PRINTED = [30, 60, 90]
const STEPS_PER_EPOCH = Math.ceil(50_000 / 512)

const INPUT = { architecture: 'lecture_vgg16', preset: 'lecture', epochs: LECTURE.length }

export const bench = defineBench({
  measures: "losses of preset lecture's first three epochs, beside the lecture's",
  takes: '15 minutes',
  needs: 'CIFAR-10 (139 MB, once)',
  options: { input: 'JSON of StartTrainingRunInput, over lecture_vgg16 and preset lecture' },
  run({ input }) {
    const asked = inputOf(INPUT, input)
    console.log(JSON.stringify(asked))
    return withServer({ dataset: true }, async (server) => compare(await train(server, asked)))
  },
})

/** The loss by step. */
async function train(server: BenchServer, input: object): Promise<Map<number, number>> {
  const losses = new Map<number, number>()
  for await (const event of eventsOf(server, await startRun(server, input))) {
    for (const { step, loss } of event.points ?? []) losses.set(step, loss)
    if (event.__typename !== 'EpochEnded') continue
    const { epoch, trainLoss, testAccuracy } = event.summary
    console.log(
      `epoch ${epoch}: mean loss ${trainLoss.toFixed(3)}, ${(100 * testAccuracy).toFixed(2)} % of the test images`,
    )
  }
  return losses
}

function compare(losses: ReadonlyMap<number, number>): void {
  console.log('epoch  batch  lecture    here  difference  allowed')
  LECTURE.forEach(({ points, tolerance }, epoch) => {
    points.forEach((expected, i) => {
      const loss = losses.get(epoch * STEPS_PER_EPOCH + PRINTED[i]) ?? Number.NaN
      const difference = loss - expected
      const isNear = Math.abs(difference) <= tolerance
      if (!isNear) process.exitCode = 1
      const cells = [
        epoch + 1,
        PRINTED[i],
        expected.toFixed(3),
        loss.toFixed(3),
        difference.toFixed(3),
        tolerance,
      ]
      const widths = [5, 7, 9, 8, 12, 9]
      console.log(
        `${cells.map((cell, j) => String(cell).padStart(widths[j])).join('')}${isNear ? '' : '  FAILED'}`,
      )
    })
  })
}
