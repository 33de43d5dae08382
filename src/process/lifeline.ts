import { Worker } from 'node:worker_threads'
import { LIFELINE_FD } from './child.ts'

/**
 * Ends this process the moment its parent is gone, by whatever death.
 *
 * The parent holds the other end of a pipe that it never writes to; the kernel closes it with the parent.
 * A worker thread listens, because TensorFlow.js computes synchronously and the main thread of a trainer
 * may not reach its event loop for minutes (one step of a big network on a slow engine).
 */
export function dieWithParent(): void {
  const watcher = new Worker(
    `const { Socket } = require('node:net')
     const lifeline = new Socket({ fd: ${LIFELINE_FD}, readable: true, writable: false })
     lifeline.on('error', () => {}).on('close', () => process.kill(process.pid, 'SIGKILL')).resume()`,
    { eval: true, name: 'lifeline', execArgv: [] },
  )
  watcher.unref()
}
