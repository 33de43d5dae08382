/**
 * The process that makes a version of a data set: started by the server, ends with its work. In a process of its own it
 * can be ended at any moment, and what archives and pictures of strangers do to it ends this import and nothing else.
 */
import { setPriority } from 'node:os'
import sharp from 'sharp'
import { dieWithParent } from '../../process/lifeline.ts'
import { connectToParent } from '../../process/parent.ts'
import { importDataset } from './import.ts'
import type { FromImporter, ImportProgress, ToImporter } from './protocol.ts'

/** Progress is told as often as a person looks, and whenever a phase begins or ends. */
const TOLD_EVERY_MS = 250
/** Behind the server's own work, like a trainer. */
const NICE = 10

dieWithParent()
setPriority(NICE)
sharp.cache(false)
// Many pictures are decoded side by side: each by one thread is quicker than each by all.
sharp.concurrency(1)
process.on('unhandledRejection', (error) => void fail(error))
process.on('uncaughtException', (error) => void fail(error))

const parent = connectToParent<ToImporter, FromImporter>((job) => {
  importDataset(job, {
    progress: createReporter(),
    findings: (findings) => void parent.send({ type: 'findings', findings }),
  })
    .then((imported) => parent.send({ type: 'done', ...imported }))
    .then(() => process.exit(0), fail)
})

async function fail(error: unknown): Promise<void> {
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  await parent.send({ type: 'failed', reason: error instanceof Error ? error.message : String(error), code })
  process.exit(0)
}

function createReporter(): (progress: ImportProgress) => void {
  let told: { phase: string; at: number } | null = null
  return (progress) => {
    const at = performance.now()
    const isNews = progress.phase !== told?.phase || progress.done === progress.total
    if (!isNews && at < told!.at + TOLD_EVERY_MS) return
    told = { phase: progress.phase, at }
    void parent.send({ type: 'progress', ...progress })
  }
}
