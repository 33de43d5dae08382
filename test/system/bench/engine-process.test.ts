import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { measureEngine } from '../../../bench/lib/engine.ts'

it('The process that benchmarks measure trains the same steps again from the weights it wrote', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const job = {
    engine: 'wasm',
    network: 'vgg_mini',
    batch: 2,
    steps: 2,
    file: join(folder, 'weights.safetensors'),
  } as const

  const first = await measureEngine('losses', job)
  expect(first).toEqual({ losses: [expect.any(Number), expect.any(Number)] })
  expect(await measureEngine('losses', job)).toEqual(first)
})
