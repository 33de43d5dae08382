import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import type { EngineReport } from '../../engine/report.ts'
import { QUEUE_ORDER } from '../lifecycle/queue.ts'
import { frozenOf } from '../model/frozen.ts'
import { columnOf } from '../model/run.ts'
import { ACTIVE } from '../model/status.ts'
import { type Pace, readPace } from './pace.ts'
import type { Known } from './throughput.ts'

/** Where a run waits. */
export interface QueuePlace {
  /** 1 is the next to start. */
  position: number
  /** Runs at work, and those that start before it. */
  ahead: number
  /** Null where nothing tells how long a run ahead will take. */
  secondsUntilStart: number | null
}

/** What may be known of a queue before it has run. */
export interface QueuePlaces {
  /** Null for a run that does not wait. Whoever asks in the same turn of the event loop is answered from one reading. */
  of(runId: string): Promise<QueuePlace | null>
}

export interface QueuePlacesOptions extends Known {
  prisma: PrismaClient
  /** How many runs may be at work at once. */
  concurrency: number
  /** What runs would start on; null when no engine can run. */
  engine(): Promise<EngineReport | null>
}

/**
 * When each of the waiting runs would start, if all of them are trained to their end and none is moved.
 * @param active   seconds left of each run at work; null where that is not known
 * @param waiting  seconds of work of each waiting run, in the order of the queue
 */
export function placesIn(
  active: readonly (number | null)[],
  waiting: readonly (number | null)[],
  concurrency: number,
): QueuePlace[] {
  const idle = Array.from({ length: Math.max(0, concurrency - active.length) }, () => 0)
  /** When each slot is free. */
  const slots = [...active, ...idle]
  return waiting.map((seconds, index) => {
    // One that may be free at any time is the next, unless another is free now.
    const start = slots.includes(0) ? 0 : slots.includes(null) ? null : Math.min(...(slots as number[]))
    slots[slots.indexOf(start)] = start === null || seconds === null ? null : start + seconds
    return { position: index + 1, ahead: active.length + index, secondsUntilStart: start }
  })
}

export function createQueuePlaces(options: QueuePlacesOptions): QueuePlaces {
  const { prisma, concurrency } = options
  let gathering: Promise<Map<string, QueuePlace>> | undefined

  async function read(): Promise<Map<string, QueuePlace>> {
    const runs = await prisma.trainingRun.findMany({
      where: { status: { in: ['QUEUED', ...ACTIVE] } },
      orderBy: [...QUEUE_ORDER],
    })
    const engine = await options.engine()
    const pace = engine && (await readPace(prisma, engine, options))
    const seconds = (run: TrainingRun) => pace && secondsOf(run, pace)
    const active = runs.filter(({ status }) => status !== 'QUEUED')
    const waiting = runs.filter(({ status }) => status === 'QUEUED')
    const places = placesIn(
      // What a run says of itself has no evaluation in it before its first.
      active.map(
        (run) => (run.epoch > 0 ? run.secondsRemaining : null) ?? seconds(run) ?? run.secondsRemaining,
      ),
      waiting.map(seconds),
      concurrency,
    )
    return new Map(waiting.map(({ id }, index) => [id, places[index]]))
  }

  function secondsOf(run: TrainingRun, pace: Pace): number | null {
    const architecture = options.findArchitecture(run.architecture, run.dataset)
    const count = options.datasetFacts(run.dataset)?.count
    if (architecture === undefined || count === undefined) return null
    const hyperparameters = columnOf(run, 'hyperparameters')
    const lesson = { architecture, count, limits: hyperparameters }
    const frozen = frozenOf({ hyperparameters, transfer: columnOf(run, 'transfer') }, lesson)
    const perEpoch = pace.secondsPerEpoch(lesson, hyperparameters.batchSize, frozen)
    if (perEpoch === null) return null
    // One that goes on from a checkpoint knows its steps.
    const left = run.steps === 0 ? 1 : Math.max(0, 1 - run.step / run.steps)
    return perEpoch * run.epochs * left
  }

  return {
    async of(runId) {
      gathering ??= nextTurn().then(() => {
        // Who asks from now on may know of something newer than this reading.
        gathering = undefined
        return read()
      })
      return (await gathering).get(runId) ?? null
    },
  }
}
