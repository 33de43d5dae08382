/** Trains a few steps on one engine and prints one line of JSON; train.ts starts it, a process for each engine. */

import type { EngineChoice } from '../src/engine/report.ts'
import { selectEngine } from '../src/engine/select.ts'
import { Random } from '../src/random.ts'
import { createTrainingSession } from '../src/runs/trainer/session.ts'
import { trainable } from './networks.ts'

const [engine, name, batchText, secondsText] = process.argv.slice(2)
const size = Number(batchText)

try {
  const { kind, device } = await selectEngine(engine as EngineChoice)
  const architecture = trainable(name)
  const session = createTrainingSession(
    architecture,
    { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 }, labelSmoothing: 0 },
    1,
  )
  const x = new Random(1).normal(size * 32 * 32 * 3, 1)
  const y = Int32Array.from({ length: size }, (_, i) => i % 10)
  const times: number[] = []
  const end = performance.now() + Number(secondsText) * 1000
  // The first step compiles and allocates; it does not count.
  for (let step = 0; step < 3 || performance.now() < end; step++) {
    const started = performance.now()
    await session.step({ x, y, size }, step, 0.01)
    if (step > 0) times.push(performance.now() - started)
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]
  const { maxRSS } = process.resourceUsage()
  console.log(
    JSON.stringify({ kind, device, imagesPerSecond: (size * 1000) / median, mebibytes: maxRSS / 1024 }),
  )
  process.exit(0)
} catch (error) {
  console.log(JSON.stringify({ unavailable: (error as Error).message }))
  process.exit(0)
}
