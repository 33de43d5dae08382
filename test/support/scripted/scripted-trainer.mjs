/** In place of a trainer: does what it is told, step by step (test/system/ports/trainer-launcher-contract.ts). */
import { writeSync } from 'node:fs'

process.on('disconnect', () => process.exit())
process.on('message', async (steps) => {
  for (const { say, print, to, exit, compute } of steps) {
    if (say !== undefined) await new Promise((sent) => process.send(say, sent))
    // At once, as what a process prints is that ends in the next moment.
    if (print !== undefined) writeSync(to === 'STDERR' ? 2 : 1, `${print}\n`)
    if (exit !== undefined) process.exit(exit)
    while (compute) {}
  }
})
