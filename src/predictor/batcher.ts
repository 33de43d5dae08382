import { type Cost, createCost } from './cost.ts'
import type { Lease } from './model-cache.ts'

/** The most pictures in one forward pass. */
export const MAX_BATCH = 32

/**
 * A pass takes no longer than this, if a picture alone does not: while it computes, a cancelled request keeps its place,
 * and the server cannot tell a slow process from one that hangs.
 */
const PASS_MS = 500
/** Where other models were asked lately, who wait for it to end. */
const SHARED_PASS_MS = 100
const LATELY_MS = 2000
/** The longest wait for pictures that are being decoded, to be computed together. */
const MOST_FILL_MS = 20
/** Of the time that a request has waited already: where decoding is what holds all up, batches fill at little cost. */
const FILL_SHARE = 0.1
/** A pass that takes longer lets others in, those of networks that are quick. */
const SLICE_MS = 15
const QUICK_MS = 30
/** Models whose times are known. */
const MOST_COSTS = 1000

/** Turns requests into batches: what comes while one batch is computed is the next. */
export interface Batcher<Job> {
  /**
   * Jobs with the same key can be computed together.
   * @param waitedMs  since the job was asked for
   */
  add(id: number, key: string, job: Job, waitedMs: number): void
  /** Forgets a job that has not been taken yet. */
  cancel(id: number): void
}

export interface BatcherOptions<Job, Model> {
  /** Resolves when jobs of the key can be computed, what holds the engine aside meanwhile. */
  acquire(key: string, job: Job): Promise<Lease<Model>>
  /**
   * Gets jobs of one key, the oldest first, and never rejects. One call runs at a time, but for one that begins and ends
   * within the other's call of `pause`.
   */
  compute(model: Model, jobs: Job[], pause: () => Promise<void>): Promise<void>
  /** Gets all jobs of a key that cannot be acquired. */
  fail(jobs: Job[], error: unknown): void
  /** How many jobs will be added soon. */
  coming(): number
}

interface Waiting<Job> {
  job: Job
  at: number
  waitedMs: number
}

interface Group<Job, Model> {
  jobs: Map<number, Waiting<Job>>
  /** Undefined while it is acquired. */
  lease: Lease<Model> | undefined
}

/** What is known of a key that had a turn. */
interface Past {
  cost: Cost
  servedAt: number
}

/**
 * Keys take turns by deadlines: each wants to begin within the time that its own pass takes after its last one, or after
 * its oldest job came. So a quick network passes a slow one by, also in the midst of its pass, and none gets more of the
 * engine than it leaves to others.
 */
export function createBatcher<Job, Model>(options: BatcherOptions<Job, Model>): Batcher<Job> {
  const groups = new Map<string, Group<Job, Model>>()
  const keys = new Map<number, string>()
  const pasts = new Map<string, Past>()
  const computing = new Set<string>()
  let running = false
  let wake = () => {}

  async function run(): Promise<void> {
    running = true
    while (groups.size > 0) {
      const key = next()
      if (key === undefined) {
        await change()
        continue
      }
      const group = groups.get(key)!
      const most = mostOf(key)
      const patience =
        group.jobs.size < most && options.coming() > 0 ? fillUntil(key, group) - performance.now() : 0
      if (patience > 0) {
        await change(patience)
        continue
      }
      await pass(key, group, most)
      await turn()
    }
    running = false
  }

  async function pass(key: string, group: Group<Job, Model>, most: number, isInner = false): Promise<void> {
    const { model, release } = group.lease!
    group.lease = undefined
    const jobs: Job[] = []
    for (const [id, { job }] of group.jobs) {
      if (jobs.length === most) break
      group.jobs.delete(id)
      keys.delete(id)
      jobs.push(job)
    }
    if (group.jobs.size === 0) groups.delete(key)
    computing.add(key)
    const past = pasts.get(key) ?? { cost: createCost(), servedAt: 0 }
    const started = performance.now()
    let [paused, looked] = [0, started]
    await options.compute(model, jobs, async () => {
      const began = performance.now()
      if (isInner || began - looked < SLICE_MS) return
      await turn()
      await letIn()
      looked = performance.now()
      paused += looked - began
    })
    past.servedAt = performance.now()
    past.cost.measured(jobs.length, past.servedAt - started - paused)
    // The last to be used is the last of the map.
    pasts.delete(key)
    pasts.set(key, past)
    if (pasts.size > MOST_COSTS) pasts.delete(pasts.keys().next().value!)
    computing.delete(key)
    release()
    const rest = groups.get(key)
    if (rest !== undefined) acquire(key, rest)
  }

  /** Passes that are quick and due, in the midst of another one. */
  async function letIn(): Promise<void> {
    for (;;) {
      const key = next()
      if (key === undefined) return
      const group = groups.get(key)!
      const [most, past] = [mostOf(key), pasts.get(key)]
      const ms = past?.cost.of(Math.min(group.jobs.size, most)) ?? Number.POSITIVE_INFINITY
      const due = Math.max(oldestOf(group).at, (past?.servedAt ?? 0) + ms)
      if (ms > QUICK_MS || due > performance.now()) return
      await pass(key, group, most, true)
    }
  }

  /** The key whose turn it is, of those that can be computed. */
  function next(): string | undefined {
    let first: string | undefined
    let earliest = Number.POSITIVE_INFINITY
    for (const [key, group] of groups) {
      if (group.lease === undefined) continue
      const past = pasts.get(key)
      const since = Math.max(oldestOf(group).at, past?.servedAt ?? 0)
      const deadline = since + (past?.cost.of(Math.min(group.jobs.size, mostOf(key))) ?? 0)
      if (deadline < earliest) [first, earliest] = [key, deadline]
    }
    return first
  }

  function mostOf(key: string): number {
    const since = performance.now() - LATELY_MS
    let shared = false
    for (const other of groups.keys()) if (other !== key) shared = true
    for (const [other, { servedAt }] of pasts) if (other !== key && servedAt > since) shared = true
    // The first batch of a model has one picture: it measures what a picture takes.
    return Math.min(MAX_BATCH, pasts.get(key)?.cost.most(shared ? SHARED_PASS_MS : PASS_MS) ?? 1)
  }

  /** Nobody waits much longer for company than the pass would take alone, or than it took to get here. */
  function fillUntil(key: string, group: Group<Job, Model>): number {
    const { at, waitedMs } = oldestOf(group)
    const worth = Math.max(pasts.get(key)?.cost.of(1) ?? 0, waitedMs * FILL_SHARE)
    return at + Math.min(MOST_FILL_MS, worth)
  }

  function oldestOf({ jobs }: Group<Job, Model>): Waiting<Job> {
    const [oldest] = jobs.values()
    return oldest!
  }

  function acquire(key: string, group: Group<Job, Model>): void {
    options.acquire(key, oldestOf(group).job).then(
      (lease) => {
        if (groups.get(key) !== group) return lease.release()
        group.lease = lease
        wake()
      },
      (error: unknown) => {
        if (groups.get(key) === group) groups.delete(key)
        for (const id of group.jobs.keys()) keys.delete(id)
        options.fail(
          [...group.jobs.values()].map(({ job }) => job),
          error,
        )
        wake()
      },
    )
  }

  /** Computing is synchronous: only here do messages come in, and what is loaded goes on. */
  function turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Resolves when something came, or after the time. */
  function change(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  return {
    add(id, key, job, waitedMs) {
      const known = groups.get(key)
      const group: Group<Job, Model> = known ?? { jobs: new Map(), lease: undefined }
      group.jobs.set(id, { job, at: performance.now(), waitedMs })
      keys.set(id, key)
      if (known === undefined) {
        groups.set(key, group)
        // One that is computed is asked for again when it was given back: so others come to their turn in memory.
        if (!computing.has(key)) acquire(key, group)
      }
      if (running) wake()
      else void run()
    },
    cancel(id) {
      const key = keys.get(id)
      const group = key === undefined ? undefined : groups.get(key)
      if (key === undefined || group === undefined) return
      keys.delete(id)
      group.jobs.delete(id)
      if (group.jobs.size > 0) return
      groups.delete(key)
      group.lease?.release()
      wake()
    },
  }
}
