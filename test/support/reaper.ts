import { ChildProcess, spawn } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync, statfsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** In memory, and with so much room: then the files of tests are there, whatever the disk is like. */
const IN_MEMORY = '/dev/shm'
const ROOM_BYTES = 4 * 2 ** 30

let started = false

/**
 * From now on nothing that this process starts outlives it, however it ends: not the processes it spawns, by whatever
 * library, with those they lead, and not the files it puts into the temporary folder. Another process sees to it, because
 * a killed one can't.
 * @returns false where it has been started before
 */
export function startReaper(): boolean {
  // One for all test files of a process.
  if (started) return false
  started = true
  const folder = mkdtempSync(join(temporaryFolder(), 'vggzoo-tests-'))
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
  return true
}

/** Hundreds of databases of a thousand files each are made and removed: on a disk that takes ten times as long. */
function temporaryFolder(): string {
  try {
    accessSync(IN_MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(IN_MEMORY)
    if (bavail * bsize >= ROOM_BYTES) return IN_MEMORY
  } catch {
    // This system has none.
  }
  return tmpdir()
}
