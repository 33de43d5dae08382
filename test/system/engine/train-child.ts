/** Trains three steps of a small network on the engine of its argument and prints one line of JSON. */
import { createHash } from 'node:crypto'
import type { EngineChoice } from '../../../src/engine/report.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import { Random } from '../../../src/random.ts'
import { createTrainingSession } from '../../../src/trainer/session.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'

try {
  const report = await selectEngine(process.argv[2] as EngineChoice)
  const session = createTrainingSession(
    {
      name: 'small',
      title: 'small',
      origin: 'CUSTOM',
      configuration: null,
      features: parseFeatures('8,M,12,M'),
      batchNorm: true,
      inputShape: [16, 16, 3],
      classes: 10,
      head: { kind: 'flat', hidden: [16], dropout: 0.5 },
    },
    { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 }, labelSmoothing: 0.1 },
    7,
  )
  const losses: number[] = []
  for (let step = 0; step < 3; step++) {
    const x = new Random(1, step).normal(8 * 16 * 16 * 3, 1)
    const y = Int32Array.from({ length: 8 }, (_, i) => i)
    losses.push((await session.step({ x, y, size: 8 }, step, 0.05)).loss)
  }
  const hash = createHash('sha256')
  for (const weight of session.model.getWeights())
    hash.update(new Uint8Array((await weight.data()).buffer.slice(0)))
  print({ report, losses, digest: hash.digest('hex') })
} catch (error) {
  print({ error: String(error) })
}
// WebGPU's driver would keep the process.
process.exit(0)

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
