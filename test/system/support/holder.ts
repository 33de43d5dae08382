/**
 * A process that holds what a test may hold: a server that no longer answers, another program, files, a disk. It prints
 * where they are, and holds on.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { startReaper } from '../../support/reaper.ts'
import { startServer } from '../../support/server.ts'
import { canMount, mountSmallDisk } from '../../support/small-disk.ts'

startReaper()
if (canMount) mountSmallDisk(1)
const program = spawn('sleep', ['86400'], { stdio: ['ignore', 'ignore', 'inherit'] })
await once(program, 'spawn')
const gone = spawn('true')
await once(gone, 'exit')
const { url, pid, dataDir } = await startServer({ dataset: false })
// It hears nothing any more, not even that this process is gone.
process.kill(pid, 'SIGSTOP')
process.stdout.write(`${JSON.stringify({ url, dataDir, folder: tmpdir() })}\n`)
setInterval(() => {}, 60_000)
