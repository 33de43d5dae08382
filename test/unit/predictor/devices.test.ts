import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deviceEnvironment, visibleGpus } from '../../../src/predictor/devices.ts'

test('the GPUs that processes may use are those that the environment names, else those of the driver', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-gpus-'))
  for (const bus of ['0000:17:00.0', '0000:65:00.0']) mkdirSync(join(folder, bus))
  expect(visibleGpus(undefined, folder)).toEqual(['0', '1'])
  expect(visibleGpus('1, GPU-8932f937', folder)).toEqual(['1', 'GPU-8932f937'])
  for (const none of ['', '-1']) expect(visibleGpus(none, folder)).toEqual([])
  rmSync(folder, { recursive: true })
  expect(visibleGpus(undefined, folder)).toEqual([])
})

test('each of several predictors has a GPU of its own; one alone sees all of them', () => {
  const of = (processes: number, gpus: string[]) =>
    Array.from(
      { length: processes },
      (_, index) => deviceEnvironment(index, processes, gpus).CUDA_VISIBLE_DEVICES,
    )
  expect(of(1, ['0', '1'])).toEqual([undefined])
  expect(of(3, ['2', '5'])).toEqual(['2', '5', '2'])
  expect(of(2, ['0'])).toEqual([undefined, undefined])
})
