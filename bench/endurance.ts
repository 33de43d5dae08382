/** Thousands of steps in one process: nothing of a step may stay behind. Ends with 1 where memory grows. */
import { defineBench } from './lib/bench.ts'
import { measured, measureEngine } from './lib/engine.ts'
import { check, checkGrowth } from './lib/growth.ts'

const ENGINE = 'native'
const NETWORK = 'vgg_mini'

export const bench = defineBench({
  measures: "growth of a process's memory over 2,000 steps of the native engine",
  takes: '3 minutes',
  needs: 'the native engine',
  async run() {
    const job = { engine: ENGINE, network: NETWORK, batch: 64, steps: 2000, seconds: 120 } as const
    const result = measured(await measureEngine('soak', job))
    const { samples, imagesPerSecond } = result
    console.log(`\nMemory: ${NETWORK}, batch ${job.batch}, ${imagesPerSecond.toFixed(1)} images/s`)
    console.log('    step  RSS MiB  heap  array buffers  tensors')
    for (const it of samples) {
      const numbers = [
        it.step,
        it.mebibytes.toFixed(1),
        it.heap.toFixed(1),
        it.buffers.toFixed(1),
        it.tensors,
      ]
      console.log(numbers.map((text, i) => String(text).padStart([8, 9, 6, 15, 9][i])).join(''))
    }
    checkGrowth(
      `from step ${samples[0].step} to ${samples.at(-1)!.step}`,
      samples.map((it) => it.mebibytes),
    )
    const tensors = new Set(samples.map((it) => it.tensors))
    check(`tensors: ${[...tensors].join(', ')}`, tensors.size === 1, 'always as many')
    const warm = measured(
      await measureEngine('leftovers', { engine: ENGINE, network: NETWORK, batch: 16, steps: 400 }),
    )
    console.log(
      `  of JavaScript's heap, a step leaves ${warm.bytesPerStep.toFixed(0)} bytes to a full collection`,
    )
  },
})
