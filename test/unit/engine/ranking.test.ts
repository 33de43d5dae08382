import { describe, expect, test } from 'vitest'
import { type EngineTrial, enginesToTry, notTakenFor, rankEngines } from '../../../src/engine/ranking.ts'
import type { EngineName } from '../../../src/engine/report.ts'

const trained = (engine: EngineName, imagesPerSecond: number): EngineTrial => ({
  engine,
  imagesPerSecond,
  failure: null,
})
const failed = (engine: EngineName, failure: string): EngineTrial => ({
  engine,
  imagesPerSecond: null,
  failure,
})

describe('the order in which auto tries engines', () => {
  test('is that of belief where nothing was measured', () => {
    expect(rankEngines([])).toEqual(['tensorflow', 'webgpu', 'native', 'wasm', 'cpu'])
  })

  test('has a GPU that is slower than the processor behind it, and one that is faster before it', () => {
    const slower = rankEngines([trained('webgpu', 300), trained('native', 900)])
    expect(slower.indexOf('native')).toBeLessThan(slower.indexOf('webgpu'))
    const faster = rankEngines([trained('native', 900), trained('webgpu', 3000)])
    expect(faster.indexOf('webgpu')).toBeLessThan(faster.indexOf('native'))
    for (const order of [slower, faster]) {
      expect([...order].sort()).toEqual(['cpu', 'native', 'tensorflow', 'wasm', 'webgpu'])
    }
  })

  test('is that of the figures among two GPUs, too', () => {
    const trials = [trained('tensorflow', 500), trained('webgpu', 700), trained('native', 600)]
    expect(rankEngines(trials)).toEqual(['webgpu', 'native', 'tensorflow', 'wasm', 'cpu'])
  })

  test('has no engine that failed, and the one of plain JavaScript always', () => {
    const order = rankEngines([
      failed('webgpu', 'it lost its device'),
      failed('native', 'x'),
      failed('wasm', 'x'),
    ])
    expect(order).toEqual(['tensorflow', 'cpu'])
  })

  test('tries what was not there to be measured before what is believed to be slower', () => {
    expect(rankEngines([trained('webgpu', 500), trained('wasm', 100)])[0]).toBe('tensorflow')
    expect(rankEngines([trained('webgpu', 50), trained('wasm', 100)]).indexOf('native')).toBe(1)
  })
})

describe('an engine that is believed to be faster and was not taken', () => {
  const none = new Map<EngineName, string>()

  test('has both figures as its reason', () => {
    const trials = [trained('native', 951.23), trained('webgpu', 301.4)]
    const refused = new Map<EngineName, string>([['tensorflow', 'it is not installed']])
    expect(notTakenFor('native', trials, refused)).toEqual([
      { engine: 'tensorflow', reason: 'it is not installed' },
      { engine: 'webgpu', reason: 'it trained 301 images/s when it was tried here, and native 951' },
    ])
  })

  test('has how it failed as its reason', () => {
    const trials = [
      trained('native', 900),
      failed('webgpu', 'it took longer than 60 s'),
      failed('tensorflow', 'x'),
    ]
    expect(notTakenFor('native', trials, none).find(({ engine }) => engine === 'webgpu')?.reason).toBe(
      'it failed when it was tried here: it took longer than 60 s',
    )
  })

  test('has what it said itself as its reason where it was the fastest and is gone', () => {
    const refused = new Map<EngineName, string>([
      ['tensorflow', 'it is not installed'],
      ['webgpu', 'no GPU is visible'],
    ])
    const [, webgpu] = notTakenFor('native', [trained('webgpu', 3000), trained('native', 900)], refused)
    expect(webgpu).toEqual({ engine: 'webgpu', reason: 'no GPU is visible' })
  })
})

describe('engines are tried', () => {
  const absent = (...engines: EngineName[]) => engines.map((engine) => ({ engine, reason: 'not here' }))

  test('where auto took a GPU: it, what is below it, and not what is not there', () => {
    expect(enginesToTry({ kind: 'WEBGPU', notTaken: absent('tensorflow') }, [])).toEqual([
      'webgpu',
      'native',
      'wasm',
    ])
    expect(enginesToTry({ kind: 'TENSORFLOW_GPU', notTaken: [] }, [])).toEqual([
      'tensorflow',
      'webgpu',
      'native',
      'wasm',
    ])
  })

  test('not where only the processor can compute', () => {
    for (const kind of ['NATIVE', 'WASM', 'CPU'] as const) {
      expect(enginesToTry({ kind, notTaken: absent('tensorflow', 'webgpu') }, [])).toEqual([])
    }
  })

  test('once: not where the one that was taken has a figure', () => {
    const trials = [trained('native', 900), trained('webgpu', 300)]
    expect(enginesToTry({ kind: 'NATIVE', notTaken: absent('tensorflow', 'webgpu') }, trials)).toEqual([])
  })

  test('again where one was taken that was not there the first time', () => {
    const trials = [trained('native', 900), trained('webgpu', 300)]
    expect(enginesToTry({ kind: 'TENSORFLOW_GPU', notTaken: [] }, trials)).toContain('tensorflow')
    const without = [trained('wasm', 100), trained('webgpu', 50)]
    expect(enginesToTry({ kind: 'NATIVE', notTaken: absent('tensorflow', 'webgpu') }, without)).toEqual([
      'webgpu',
      'native',
      'wasm',
    ])
  })
})
