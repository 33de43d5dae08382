/**
 * Runs the tests of tfjs-core itself on the native backend and prints what came of them as its last line, of JSON. With
 * another backend's name as its argument (cpu) it runs them on that one: what fails there as well is not ours.
 */
import { createRequire } from 'node:module'
import * as tf from '@tensorflow/tfjs'
import { loadAddon, type NativeAddon } from '../../../src/engine/native/addon.ts'
import { BACKEND, nativeKernels } from '../../../src/engine/native/kernels.ts'
import { registerNativeBackend } from '../../../src/engine/native/register.ts'
import { allowedThreads } from '../../../src/engine/native/threads.ts'

/** The parts of Jasmine that are used here, and its results. */
interface Result {
  fullName: string
  status: string
  failedExpectations: { message: string }[]
}
interface Jasmine {
  getEnv(): {
    configure(options: { random: boolean; forbidDuplicateNames: boolean }): void
    addReporter(reporter: Record<'specDone' | 'suiteDone' | 'jasmineDone', (result: Result) => void>): void
    execute(): Promise<{ overallStatus: string }>
  }
}

export interface TfjsCoreRun {
  /** Jasmine's word for all of it: "passed" only where nothing failed, inside or outside of a test. */
  status: string
  passed: number
  /** Those that tfjs-core itself leaves out. */
  pending: string[]
  failed: { name: string; messages: string[] }[]
  /** How often each kernel in C++ computed something; 0 where the cpu backend's did all of its calls. */
  computed: Record<string, number>
}

/** An addon that counts the calls which compute. */
function counting(addon: NativeAddon): { addon: NativeAddon; calls: () => number } {
  let calls = 0
  const counted = Object.entries(addon).map(([name, run]) => {
    // Asked whenever memory is taken.
    if (name === 'address') return [name, run]
    return [
      name,
      (...values: unknown[]) => {
        calls++
        return run(...values)
      },
    ]
  })
  return { addon: Object.fromEntries(counted), calls: () => calls }
}

/** Counts from now on for each kernel the calls in which the addon computed. */
function countKernels(calls: () => number): Record<string, number> {
  const computed: Record<string, number> = {}
  for (const kernelName of nativeKernels()) {
    const { kernelFunc, ...kernel } = tf.getKernel(kernelName, BACKEND)
    computed[kernelName] = 0
    tf.unregisterKernel(kernelName, BACKEND)
    tf.registerKernel({
      ...kernel,
      kernelFunc: (call) => {
        const before = calls()
        const result = kernelFunc(call)
        if (calls() > before) computed[kernelName]++
        return result
      },
    })
  }
  return computed
}

const backendName = process.argv[2] ?? BACKEND
const { addon, calls } = counting(loadAddon())
addon.start(allowedThreads(), process.env.NATIVE_ISA || null)
registerNativeBackend(addon)
const computed = countKernels(calls)

const require = createRequire(import.meta.url)
const jasmine: Jasmine = require('jasmine-core').boot()
const env = jasmine.getEnv()
// Some of the tests share a name.
env.configure({ random: false, forbidDuplicateNames: false })
// These files are ES modules that only a bundler could load; tsx makes `require` take them. So they get a copy of
// tfjs-core beside the one the backend is registered with, and both share the engine and the kernels in the global object.
const { setTestEnvs } = require('@tensorflow/tfjs-core/dist/jasmine_util.js')
setTestEnvs([{ name: backendName, backendName, isDataSync: true }])
require('@tensorflow/tfjs-core/dist/tests.js')

const specs: Result[] = []
const broken: Result[] = []
const noteBroken = (result: Result) => {
  if (result.failedExpectations.length > 0) broken.push(result)
}
env.addReporter({
  specDone: (spec) => {
    specs.push(spec)
    noteBroken(spec)
  },
  // What fails before, after or outside of the tests.
  suiteDone: noteBroken,
  jasmineDone: (all) => noteBroken({ ...all, fullName: 'outside of every test' }),
})
const { overallStatus } = await env.execute()
const run: TfjsCoreRun = {
  status: overallStatus,
  passed: specs.filter(({ status }) => status === 'passed').length,
  pending: specs.filter(({ status }) => status === 'pending').map(({ fullName }) => fullName),
  failed: broken.map(({ fullName, failedExpectations }) => ({
    name: fullName,
    messages: failedExpectations.map(({ message }) => message),
  })),
  computed,
}
process.stdout.write(`\n${JSON.stringify(run)}\n`)
