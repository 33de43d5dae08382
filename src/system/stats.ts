import { flatMap, newestOfEach } from '../concurrency/iterate.ts'
import type { ChildRole } from '../process/running.ts'
import type { ProcessUsage } from '../process/usage.ts'

export const MIN_EVERY_MS = 250
export const MAX_EVERY_MS = 60_000

/** The server itself, and its children by what they are for. */
export type Role = 'server' | ChildRole

/** What processes of one role take of the machine. */
export interface ProcessLoad {
  /** How many there are. */
  processes: number
  /** The fraction of all cores since the item before, 0 to 1; null in the first item, and where the system does not tell. */
  cpu: number | null
  /** Resident memory of all; null where the system does not tell. */
  memoryBytes: number | null
}

/** What of a sample is as it was, and no mean since the one before. */
export interface Snapshot {
  queue: { running: number; queued: number; concurrency: number }
  /** Predictions that wait or are made. */
  predictionsOpen: number
  openSubscriptions: number
}

export interface SystemStats extends Snapshot {
  at: Date
  loads: Record<Role, ProcessLoad>
  /** Predictions answered in a second since the item before; null in the first. */
  predictionsPerSecond: number | null
}

export interface StatsSources {
  cores: number
  snapshot(): Promise<Snapshot>
  /** Predictions answered since the server started. */
  answered(): number
  processes(): { pid: number; role: Role; usage: ProcessUsage | null }[]
}

/** Says how busy the server and its children are, as often as somebody asks. */
export interface StatsSampler {
  /** At once, then about every so many milliseconds. A reader that is slower gets the newest, with means since its last. */
  follow(everyMs: number): AsyncIterableIterator<SystemStats>
  readonly listenerCount: number
}

/** Counters that only grow, and what was at that moment. */
interface Sample extends Snapshot {
  date: Date
  /** Milliseconds of a clock that nobody sets. */
  at: number
  answered: number
  cpuSeconds: Record<Role, number>
  usage: Record<Role, { processes: number; memoryBytes: number | null }>
}

interface Subscriber {
  everyMs: number
  due: number
  take(sample: Sample): void
}

const forRoles = <Value>(of: (role: Role) => Value): Record<Role, Value> => ({
  server: of('server'),
  trainer: of('trainer'),
  predictor: of('predictor'),
  job: of('job'),
})

/** One timer for all subscribers, of the shortest time that any of them wants; none when nobody listens. */
export function createStatsSampler(sources: StatsSources): StatsSampler {
  const subscribers = new Set<Subscriber>()
  const cpu = createCpuMeter()
  let timer: { ms: number; end(): void } | null = null
  let taking: Promise<Sample> | null = null

  function sample(): Promise<Sample> {
    taking ??= take().finally(() => {
      taking = null
    })
    return taking
  }

  async function take(): Promise<Sample> {
    const snapshot = await sources.snapshot()
    const processes = sources.processes()
    return {
      ...snapshot,
      date: new Date(),
      at: performance.now(),
      answered: sources.answered(),
      cpuSeconds: cpu.read(processes),
      usage: forRoles((role) => {
        const own = processes.filter((process) => process.role === role)
        const memory = own.map(({ usage }) => usage?.memoryBytes ?? null)
        return {
          processes: own.length,
          memoryBytes: memory.includes(null) ? null : sumOf(memory as number[]),
        }
      }),
    }
  }

  function keepTime(): void {
    const ms = Math.min(...[...subscribers].map(({ everyMs }) => everyMs))
    if (timer?.ms === ms) return
    timer?.end()
    timer = null
    if (subscribers.size === 0) {
      cpu.forget()
      return
    }
    const interval = setInterval(() => {
      // The database may not answer: the next one may.
      sample().then(deliver, () => {})
    }, ms).unref()
    timer = { ms, end: () => clearInterval(interval) }
  }

  function deliver(taken: Sample): void {
    for (const subscriber of subscribers) {
      // The nearest tick to the time that it wants.
      if (taken.at < subscriber.due - timer!.ms / 2) continue
      subscriber.due = Math.max(subscriber.due + subscriber.everyMs, taken.at)
      subscriber.take(taken)
    }
  }

  return {
    follow(everyMs) {
      let newest: Sample | null = null
      let before: Sample | null = null
      const words = newestOfEach((listener) => {
        const subscriber: Subscriber = {
          everyMs,
          due: performance.now() + everyMs,
          take(taken) {
            newest = taken
            listener('stats')
          },
        }
        subscribers.add(subscriber)
        keepTime()
        listener('stats')
        return () => {
          subscribers.delete(subscriber)
          keepTime()
        }
      })
      return flatMap(words, async () => {
        const now = newest ?? (await sample())
        if (now === before) return []
        const item = statsOf(before, now, sources.cores)
        before = now
        return [item]
      })
    },
    get listenerCount() {
      return subscribers.size
    },
  }
}

function statsOf(before: Sample | null, now: Sample, cores: number): SystemStats {
  const seconds = before === null ? 0 : (now.at - before.at) / 1000
  const { queue, predictionsOpen, openSubscriptions } = now
  const perSecond = (count: (sample: Sample) => number) =>
    before === null || seconds <= 0 ? null : (count(now) - count(before)) / seconds
  return {
    at: now.date,
    queue,
    predictionsOpen,
    openSubscriptions,
    predictionsPerSecond: perSecond(({ answered }) => answered),
    loads: forRoles((role) => {
      const { processes, memoryBytes } = now.usage[role]
      const cpu = memoryBytes === null ? null : perSecond(({ cpuSeconds }) => cpuSeconds[role])
      // Times are counted in hundredths of a second.
      return { processes, memoryBytes, cpu: cpu === null ? null : Math.min(1, cpu / cores) }
    }),
  }
}

/** Seconds that processes of each role have computed since the meter began; those that are gone count on. */
function createCpuMeter() {
  const totals = forRoles(() => 0)
  let seen: Map<number, number> | null = null
  return {
    read(processes: ReturnType<StatsSources['processes']>): Record<Role, number> {
      const now = new Map<number, number>()
      for (const { pid, role, usage } of processes) {
        if (usage === null) continue
        const { cpuSeconds } = usage
        now.set(pid, cpuSeconds)
        // All that a new one has computed is new; of the first reading nothing is known.
        const known = seen === null ? cpuSeconds : (seen.get(pid) ?? 0)
        // An id may come back to another process.
        totals[role] += cpuSeconds >= known ? cpuSeconds - known : cpuSeconds
      }
      seen = now
      return { ...totals }
    },
    forget() {
      seen = null
    },
  }
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
