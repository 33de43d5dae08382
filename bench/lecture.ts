/**
 * Whether `preset: "lecture"` learns as the lecture did: the three loss points (batches 30, 60, 90) of its first three
 * epochs, on a real server, beside those the lecture printed.
 *   npm run bench:lecture
 *   ENGINE=wasm BENCH_INPUT='{"seed": 1}' npm run bench:lecture
 * Ends with 1 when a point of the first epoch is off by more than 0.03, or one of the next two by more than 0.15.
 */
import { cpus } from 'node:os'
import { setup as fetchDataset } from '../test/support/dataset-cache.ts'
import { EVENTS, type Event, START } from '../test/support/runs.ts'
import { startServer, stopServers, type TestServer } from '../test/support/server.ts'

/** design.md, section 1. */
const LECTURE = [
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: 2.302 is what it printed and not ln 10
  { points: [2.302, 2.299, 2.284], tolerance: 0.03 },
  { points: [2.208, 2.128, 2.068], tolerance: 0.15 },
  { points: [1.974, 1.856, 1.793], tolerance: 0.15 },
]
/** Its `if i % 30 == 29`: the eight batches after the 90th are not printed. */
const PRINTED = [30, 60, 90]
const STEPS_PER_EPOCH = Math.ceil(50_000 / 512)

const INPUT = {
  architecture: 'lecture_vgg16',
  preset: 'lecture',
  epochs: LECTURE.length,
  ...JSON.parse(process.env.BENCH_INPUT ?? '{}'),
}

await fetchDataset()
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}, ${JSON.stringify(INPUT)}`)
try {
  const server = await startServer({ env: { ENGINE: process.env.ENGINE ?? 'auto', LOG_LEVEL: 'info' } })
  compare(await train(server))
} finally {
  await stopServers()
}

/** The loss by step. */
async function train(server: TestServer): Promise<Map<number, number>> {
  const { startTrainingRun: run } = await server.query(START, { input: INPUT })
  if (run.__typename !== 'TrainingRun') throw new Error(JSON.stringify(run))
  const losses = new Map<number, number>()
  for await (const { data, errors } of server.subscribe(EVENTS, { id: run.id })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    const event = data.trainingRunEvents as Event
    for (const { step, loss } of event.points ?? []) losses.set(step, loss)
    if (event.failure != null) throw new Error(event.failure.message)
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
