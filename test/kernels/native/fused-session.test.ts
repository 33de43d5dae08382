import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as tf from '@tensorflow/tfjs'
import { afterEach, describe, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { ADAM, digestOf, lossesOf, NETWORKS, SGD, sessionFor } from './networks.ts'
import { startNative } from './support.ts'

const STEPS = { steps: 5, size: 6, rate: 0.05 }

async function inProcess(threads: number): Promise<{ digest: string; losses: number[] }> {
  const script = join(import.meta.dirname, 'fused-child.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, NATIVE_THREADS: String(threads), NATIVE_ISA: '' },
  })
  return JSON.parse(stdout)
}

afterEach(async () => {
  await tf.setBackend(BACKEND)
})

describe('a training session on the native engine', () => {
  test('gives the same bytes of weights in two processes, and by any number of threads', async () => {
    await startNative(3)
    const session = sessionFor(NETWORKS[0])
    const losses = await lossesOf(session, NETWORKS[0], STEPS)
    const here = { losses, digest: digestOf(session.model) }
    session.dispose()
    const others = await Promise.all([inProcess(2), inProcess(2)])
    expect(others).toEqual([here, here])
  })

  const networks = NETWORKS.slice(1).map((architecture, at) => ({
    name: `${architecture.name} and ${at % 2 === 0 ? 'SGD' : 'Adam'}`,
    architecture,
    optimizer: at % 2 === 0 ? SGD : ADAM,
  }))
  test.each(networks)(
    'with $name has the losses of plain JavaScript',
    async ({ architecture, optimizer }) => {
      await startNative()
      // Adam's first steps have one length, also where the gradient is rounding's: short ones, not to go apart.
      const options = { steps: 5, size: 3, rate: optimizer === ADAM ? 0.001 : 0.01 }
      const session = sessionFor(architecture, optimizer)
      const losses = await lossesOf(session, architecture, options)
      session.dispose()
      await tf.setBackend('cpu')
      const reference = sessionFor(architecture, optimizer)
      const wanted = await lossesOf(reference, architecture, options)
      reference.dispose()
      expect(losses).toEqual(wanted.map((loss) => expect.closeTo(loss, 3)))
    },
  )

  // Plain JavaScript would take a minute.
  test('with vgg_mini has the losses of the WebAssembly engine', async () => {
    const architecture = findArchitecture('vgg_mini') as Architecture
    await startNative()
    const options = { steps: 5, size: 8, rate: 0.01 }
    const session = sessionFor(architecture)
    const losses = await lossesOf(session, architecture, options)
    session.dispose()
    await selectEngine('wasm')
    const reference = sessionFor(architecture)
    const wanted = await lossesOf(reference, architecture, options)
    reference.dispose()
    for (const [step, loss] of losses.entries()) expect(Math.abs(loss - wanted[step])).toBeLessThan(1e-3)
  })
})
