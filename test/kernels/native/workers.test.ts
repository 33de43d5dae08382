import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { ADDON_PATH } from '../../../src/engine/native/addon.ts'

/** What a process of its own prints: the main thread of this one has loaded the addon for good. */
async function printed(code: string, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, ['-e', code, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')])
  expect(status).toBe(0)
  return output
}

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const addon = require(workerData.path)
  addon.start(workerData.threads, null)
  let right = true
  for (let round = 1; round <= 100; round++) {
    const y = new Float32Array(100_000)
    addon.unary(10, new Float32Array(y.length).fill(round), workerData.factor, 0, y)
    right &&= y.every((value) => value === round * workerData.factor)
  }
  parentPort.postMessage(right)
`

// The threads sleep most of the time: without the code they crash once in a while only.
const isLinux = process.platform === 'linux'
test.runIf(isLinux)('a Worker that ends leaves the threads of the engine the code they run', async () => {
  const output = await printed(
    `
      const { once } = require('node:events')
      const { readFileSync } = require('node:fs')
      const { Worker } = require('node:worker_threads')
      const [worker, path] = process.argv.slice(1)
      async function main() {
        for (let round = 0; round < 3; round++) {
          const one = new Worker(worker, { eval: true, workerData: { path, threads: 3, factor: 2 } })
          const [[right]] = await Promise.all([once(one, 'message'), once(one, 'exit')])
          console.log(right, readFileSync('/proc/self/maps', 'utf8').includes('vggzoo.node'))
        }
      }
      main()
    `,
    WORKER,
    ADDON_PATH,
  )
  expect(output).toBe('true true\n'.repeat(3))
})

test('Workers that compute at the same time, and start the engine anew meanwhile, disturb nobody', async () => {
  const output = await printed(
    `
      const { once } = require('node:events')
      const { Worker } = require('node:worker_threads')
      const [worker, path] = process.argv.slice(1)
      async function main() {
        const workers = [1, 2, 3, 4].map(
          (factor) => new Worker(worker, { eval: true, workerData: { path, threads: factor, factor } }),
        )
        console.log(await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0])))
      }
      main()
    `,
    WORKER,
    ADDON_PATH,
  )
  expect(output).toBe('[ true, true, true, true ]\n')
})
