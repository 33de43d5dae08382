import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { FOREIGN_ISA } from '../../support/foreign-isa.ts'

const root = join(import.meta.dirname, '../../..')

/** As any TensorFlow.js program would: the package by its name, compiled. */
async function run(program: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    env: { ...process.env, ...env },
  })
  return stdout.trim()
}

describe("import 'vggzoo/native'", () => {
  test('makes a TensorFlow.js program run on kernels in C++', async () => {
    const program = `
      import * as tf from '@tensorflow/tfjs'
      import { instructionSet, threads, kernels } from 'vggzoo/native'
      const model = tf.sequential({ layers: [
        tf.layers.conv2d({ inputShape: [8, 8, 3], filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 1 }),
      ] })
      model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
      const x = tf.randomNormal([64, 8, 8, 3], 0, 1, 'float32', 1)
      const { history } = await model.fit(x, x.mean([1, 2, 3]), { epochs: 8, verbose: 0 })
      console.log(JSON.stringify({ backend: tf.getBackend(), instructionSet, threads, kernels, loss: history.loss }))`
    const answer = JSON.parse(await run(program, { NATIVE_THREADS: '2' }))
    expect(answer).toMatchObject({ backend: 'native', threads: 2 })
    expect(answer.instructionSet).toMatch(/^(AVX-512|AVX2|SSE2|NEON|generic)$/)
    expect(answer.loss.at(-1)).toBeLessThan(answer.loss[0] / 2)
    // The manual's list is this one.
    const manual = readFileSync(join(root, 'docs/engines.md'), 'utf8')
    const listed = manual.match(/The kernels in C\+\+: ([^.]*)\./)?.[1]?.match(/`(\w+)`/g)
    expect(listed?.map((name) => name.slice(1, -1))).toEqual(answer.kernels)
  })

  test('has declarations, which npm pack writes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vggzoo-declarations-'))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    await promisify(execFile)(process.execPath, [tsc, '-p', 'tsconfig.pack.json', '--outDir', folder], {
      cwd: root,
    })
    expect(readFileSync(join(folder, 'native.d.ts'), 'utf8')).toContain('kernels')
    await rm(folder, { recursive: true })
  })

  test('where it cannot run is an error of one line: what, why and what to do', async () => {
    const program = `await import('vggzoo/native').catch((error) => console.log(error.message))`
    expect(await run(program, { NATIVE_ISA: FOREIGN_ISA })).toMatch(
      /^vggzoo\/native cannot start: NATIVE_ISA is \S+, and this processor has [^\n]+\. To go on, unset NATIVE_ISA\.$/,
    )
  })
})
