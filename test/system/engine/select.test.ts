import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EngineUnavailableError } from '../../../src/engine/engine-unavailable-error.ts'
import type { EngineReport } from '../../../src/engine/report.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import { FOREIGN_ISA } from '../../support/foreign-isa.ts'

/** An engine is chosen for the life of a process, so each choice gets one of its own. */
async function inProcess(
  choice: string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ report?: EngineReport; error?: string; losses?: number[]; digest?: string }> {
  const script = join(import.meta.dirname, 'train-child.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, choice], {
    env: { ...process.env, ...env },
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!)
}

/** What plain JavaScript computes: trained once, compared with by several tests. */
let reference: ReturnType<typeof inProcess> | undefined
const onCpu = () => {
  reference ??= inProcess('cpu')
  return reference
}

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const hasSwiftShader = process.env.CI !== undefined || existsSync(SWIFTSHADER)

afterEach(() => vi.unstubAllEnvs())

describe('an engine', () => {
  test('chosen by auto is the best that is there, and every better one has a reason', async () => {
    const { report } = await inProcess('auto')
    const order = ['TENSORFLOW_GPU', 'WEBGPU', 'NATIVE', 'WASM', 'CPU']
    const names = ['tensorflow', 'webgpu', 'native', 'wasm', 'cpu']
    const place = order.indexOf(report!.kind)
    expect(place).toBeGreaterThanOrEqual(0)
    expect(place).toBeLessThanOrEqual(order.indexOf('WASM'))
    expect(report!.notTaken.map(({ engine }) => engine)).toEqual(names.slice(0, place))
    for (const { reason } of report!.notTaken) expect(reason).toMatch(/^\S[^\n]{10,}$/)
    expect(report!.device).not.toBe('')
  })

  test('that is named and not there is an error of one line: what, why and what to do', async () => {
    vi.stubEnv('NATIVE_ISA', FOREIGN_ISA)
    const missing = selectEngine('native')
    await expect(missing).rejects.toBeInstanceOf(EngineUnavailableError)
    await expect(missing).rejects.toMatchObject({
      engine: 'native',
      reason: expect.stringMatching(/^\S[^\n]+$/),
      message: expect.stringMatching(/^ENGINE=native is not available: [^\n]+ To go on, [^\n]+\.$/),
    })
  })

  test('that nobody knows cannot be chosen', async () => {
    await expect(selectEngine('gpu' as never)).rejects.toThrow('No engine is called "gpu"')
  })

  test('trains the same bytes from the same seed, and nearly the same losses as another engine', async () => {
    const [wasm, again, cpu] = [await inProcess('wasm'), await inProcess('wasm'), await onCpu()]
    expect(wasm.report).toMatchObject({ kind: 'WASM', notTaken: [] })
    expect(cpu.report).toMatchObject({ kind: 'CPU', notTaken: [] })
    expect(again.digest).toBe(wasm.digest)
    expect(again.losses).toEqual(wasm.losses)
    for (const [i, loss] of wasm.losses!.entries()) expect(Math.abs(cpu.losses![i] - loss)).toBeLessThan(1e-3)
  })
})

describe.skipIf(!hasSwiftShader)(
  'WebGPU on a software driver (chromium: apt-get install chromium libvulkan1)',
  () => {
    const env = { VK_ICD_FILENAMES: SWIFTSHADER }

    test('trains as plain JavaScript does when a person asks for it', async () => {
      const [webgpu, cpu] = [await inProcess('webgpu', env), await onCpu()]
      expect(webgpu.error).toBeUndefined()
      expect(webgpu.report).toMatchObject({
        kind: 'WEBGPU',
        device: expect.stringMatching(/software adapter, slow/),
      })
      for (const [i, loss] of cpu.losses!.entries())
        expect(Math.abs(webgpu.losses![i] - loss)).toBeLessThan(1e-3)
    })

    test('is never chosen by itself', async () => {
      const { report } = await inProcess('auto', env)
      expect(report!.kind).not.toBe('WEBGPU')
      expect(report!.notTaken.find(({ engine }) => engine === 'webgpu')?.reason).toMatch(/software/)
    })
  },
)
