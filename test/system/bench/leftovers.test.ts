import { expect, it } from 'vitest'
import { type Measurements, measureEngine } from '../../../bench/lib/engine.ts'

const MOST_BYTES = 4096

it('A training step leaves next to nothing that only a full collection frees', async () => {
  const job = { engine: 'native', network: 'vgg_mini', batch: 2, steps: 400 } as const
  const result = (await measureEngine('leftovers', job)) as Measurements['leftovers']['result']
  expect(result).toEqual({ bytesPerStep: expect.any(Number) })
  expect(result.bytesPerStep).toBeLessThan(MOST_BYTES)
})
