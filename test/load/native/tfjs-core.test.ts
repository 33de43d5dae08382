import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { INSTRUCTION_SETS } from '../../kernels/native/support.ts'
import type { TfjsCoreRun } from './tfjs-core-child.ts'

/** TensorFlow.js' own tests say what its kernels must do; every one of them runs, none is left out here. */
async function runTests(instructionSet: string): Promise<TfjsCoreRun> {
  const script = join(import.meta.dirname, 'tfjs-core-child.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, NATIVE_ISA: instructionSet },
    maxBuffer: 2 ** 26,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

describe('the native engine', () => {
  test.each(INSTRUCTION_SETS)("passes tfjs-core's own tests on %s", async (instructionSet) => {
    const { status, passed, failed, computed } = await runTests(instructionSet)
    expect(failed).toEqual([])
    expect(status).toBe('passed')
    // 4225 with tfjs-core 4.22.
    expect(passed).toBeGreaterThan(4200)

    // Kernels that only this project calls are not known to tfjs-core.
    const ofTfjs = Object.entries(computed).filter(([name]) => !name.startsWith('Vggzoo'))
    expect(ofTfjs.length).toBeGreaterThan(30)
    expect(ofTfjs.filter(([, times]) => times === 0)).toEqual([])
  })
})
