import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './cases.ts'
import { measureEngine } from './engine.ts'
import { trainable, withoutDropout } from './networks.ts'
import { measureTorch } from './pytorch.ts'
import { largestDifference } from './statistics.ts'

const STEPS = 10
/** PyTorch takes a step of 128 pictures of lecture_vgg16 in a quarter of a minute. */
const BATCH = 16
/**
 * Ten times the largest that was seen: sums in another order, which the steps and batch norm carry on. What is wrong
 * shows: when the gradient of vgg11's average pool took in other pictures, its losses differed by a factor of 25.
 */
const TOLERANCE = 3e-4

/**
 * The losses of ten steps of each contender, from the same weights on the same batch, without dropout: prints how far
 * they are from native's (or, without it, the first one's).
 *
 * @returns whether they agree
 */
export async function compareLosses(network: string, contenders: readonly Contender[]): Promise<boolean> {
  const file = join(tmpdir(), `vggzoo-bench-${process.pid}.safetensors`)
  const all = new Map<Contender, number[]>()
  let complete = true
  // PyTorch last: the first engine writes the file that it reads.
  const engines = contenders.filter((it) => it !== 'pytorch' && it !== 'cpu')
  try {
    for (const contender of [...engines, ...contenders.filter((it) => it === 'pytorch')]) {
      if (contender === 'pytorch' && all.size === 0) break
      const result =
        contender === 'pytorch'
          ? measureTorch('losses', withoutDropout(trainable(network)), { steps: STEPS, file })
          : await measureEngine('losses', { engine: contender, network, batch: BATCH, steps: STEPS, file })
      if (typeof result !== 'string') {
        all.set(
          contender,
          result.losses.map((loss) => loss ?? Number.NaN),
        )
      } else {
        console.log(`  no losses of ${contender}: ${result}`)
        complete = false
      }
    }
  } finally {
    await rm(file, { force: true })
  }
  return print(all) && complete
}

function print(all: ReadonlyMap<Contender, number[]>): boolean {
  const [[first, reference] = [], ...others] = all
  if (reference === undefined || others.length === 0) return true
  let agree = true
  const parts = others.map(([name, values]) => {
    const difference = largestDifference(values, reference)
    // Also false for NaN.
    const near = difference <= TOLERANCE
    agree &&= near
    return `${name} ${difference.toExponential(1)}${near ? '' : ` (${brief(values)}): MORE THAN ${TOLERANCE}`}`
  })
  console.log(`  ${STEPS} losses of ${first}, batch ${BATCH}: ${brief(reference)}`)
  console.log(`  largest relative difference from them: ${parts.join(', ')}`)
  return agree
}

function brief(losses: readonly number[]): string {
  return `${losses[0].toFixed(6)} to ${losses.at(-1)!.toFixed(6)}`
}
