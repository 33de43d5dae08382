import { ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * From now on nothing that this process starts outlives it, however it ends: not the processes it spawns, by whatever
 * library, with those they lead, and not the files it puts into the temporary folder. Another process sees to it, because
 * a killed one can't.
 */
export function startReaper(): void {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-tests-'))
  // PostgreSQL, which root starts as another user, has its folder below.
  chmodSync(folder, 0o711)
  process.env.TMPDIR = folder
  // Not in this process's group: a Ctrl-C is not for it.
  const reaper = spawn('sh', [join(import.meta.dirname, 'reaper.sh'), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  reaper.unref()
  const stdin = reaper.stdin as Socket
  stdin.unref()
  // Every way of starting a process that is waited for in the event loop comes through here; the others block, and are
  // over when they return.
  const prototype = ChildProcess.prototype as unknown as { spawn(options: object): number }
  const original = prototype.spawn
  prototype.spawn = function (this: ChildProcess, options) {
    const result = original.call(this, options)
    const { pid } = this
    if (pid !== undefined) {
      stdin.write(`+ ${pid}\n`)
      this.once('exit', () => stdin.write(`- ${pid}\n`))
    }
    return result
  }
}
