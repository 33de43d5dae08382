import { describe, expect, it } from 'vitest'
import { type BlasCheck, baselineEnvironment, refusalOf } from '../../../bench/lib/baseline.ts'

/** As two cores of a Zen 5 had them. */
const OPENBLAS: BlasCheck = {
  version: '1.13.0',
  threads: 2,
  oneDnn: true,
  library: '/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3',
  core: 'Cooperlake',
  builtFor: 'generic',
  product: 66,
  convolution: 38,
}
const REFERENCE = {
  ...OPENBLAS,
  library: '/usr/lib/x86_64-linux-gnu/blas/libblas.so.3',
  core: null,
  product: 4,
}

describe('The PyTorch that ratios are to', () => {
  it.each([
    ['OpenBLAS', OPENBLAS],
    ['MKL in its own library', { ...OPENBLAS, library: '/torch/lib/libtorch_cpu.so', builtFor: 'mkl' }],
    ['an OpenBLAS of its own where no library can be told', { ...OPENBLAS, library: null, builtFor: 'open' }],
  ])('is a baseline with %s', (_, check) => {
    expect(refusalOf(check, 2)).toBeNull()
  })

  it.each([
    ['the reference BLAS', REFERENCE],
    ['the reference BLAS, however fast it seems', { ...REFERENCE, product: 66 }],
    ['a BLAS that nobody knows', { ...OPENBLAS, library: null }],
    ['an OpenBLAS that is as slow as the reference', { ...OPENBLAS, product: 4 }],
    ['a product that nobody could time', { ...OPENBLAS, product: Number.NaN }],
  ])('is none with %s, and the reason names the package, in one line', (_, check) => {
    expect(refusalOf(check, 2)).toMatch(/^.*apt install libopenblas0-pthread.*$/)
  })

  it('is none on other threads than the engine has, or without oneDNN', () => {
    expect(refusalOf(OPENBLAS, 4)).toMatch(/2 threads instead of 4/)
    expect(refusalOf({ ...OPENBLAS, oneDnn: false }, 2)).toMatch(/without oneDNN/)
  })

  it('is not told by the environment to be slow', () => {
    const slow = {
      OPENBLAS_CORETYPE: 'Prescott',
      OPENBLAS_L2_SIZE: '1',
      OMP_NUM_THREADS: '1',
      MKL_NUM_THREADS: '1',
    }
    expect(baselineEnvironment({ PATH: '/bin', ...slow }, 2)).toEqual({
      PATH: '/bin',
      OMP_NUM_THREADS: '2',
      OPENBLAS_NUM_THREADS: '2',
    })
  })
})
