/** The most pictures in one forward pass. */
export const MAX_BATCH = 32

/**
 * A pass should not take longer than this: while it computes, nothing else is answered, a cancelled request
 * keeps its place, and the server cannot tell a slow process from one that hangs.
 */
const PASS_MS = 1000

/** Turns requests into batches: what comes while one batch is computed is the next. */
export interface Batcher<Job> {
  /** Jobs with the same key can be computed together. */
  add(id: number, key: string, job: Job): void
  /** Forgets a job that has not been taken yet. */
  cancel(id: number): void
}

/** `compute` gets the jobs of one key, the oldest first, and never rejects. One call runs at a time. */
export function createBatcher<Job>(compute: (key: string, jobs: Job[]) => Promise<void>): Batcher<Job> {
  const waiting = new Map<number, { key: string; job: Job }>()
  const limits = new Map<string, number>()
  let running = false

  async function run(): Promise<void> {
    running = true
    for (let key = oldestKey(); key !== undefined; key = oldestKey()) {
      const jobs = take(key, limits.get(key) ?? 1)
      const started = performance.now()
      await compute(key, jobs)
      limits.set(key, batchLimit((performance.now() - started) / jobs.length))
      // Computing is synchronous: only here do messages and decoded pictures come in.
      await new Promise((resolve) => setImmediate(resolve))
    }
    running = false
  }

  function oldestKey(): string | undefined {
    for (const { key } of waiting.values()) return key
    return undefined
  }

  function take(key: string, limit: number): Job[] {
    const jobs: Job[] = []
    for (const [id, entry] of waiting) {
      if (jobs.length === limit) break
      if (entry.key !== key) continue
      waiting.delete(id)
      jobs.push(entry.job)
    }
    return jobs
  }

  return {
    add(id, key, job) {
      waiting.set(id, { key, job })
      if (!running) void run()
    },
    cancel(id) {
      waiting.delete(id)
    },
  }
}

/** The first batch of a model has one picture: it loads the model and measures what a picture takes. */
function batchLimit(msPerPicture: number): number {
  return Math.max(1, Math.min(MAX_BATCH, Math.floor(PASS_MS / msPerPicture)))
}
