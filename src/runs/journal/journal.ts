import type { LossPoint, Prisma, PrismaClient } from '../../db/generated/client.ts'
import { DbNull, PrismaClientKnownRequestError } from '../../db/generated/internal/prismaNamespace.ts'
import type { Bus } from '../../ports/bus.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { Tracing } from '../../ports/tracing.ts'
import { eventOf, payloadOf, type RunEvent, type RunEventBody } from '../model/events.ts'
import type { RunFailure } from '../model/failure.ts'
import { canBecome, isFinal, type RunStatus } from '../model/status.ts'
import { createJournalPages } from './pages.ts'
import { createRecentEvents, type Position } from './recent.ts'
import { createRunSpans, type RunSpans } from './spans.ts'
import { tellEnd } from './tell-end.ts'
import { writePoints } from './write-points.ts'

type Transaction = Prisma.TransactionClient
/** Changes of the run's row that belong to the same moment as its events. */
export type RunPatch = Omit<Prisma.TrainingRunUpdateInput, 'status' | 'lastSeq'>

/** A run's way to another status, as its journal has it. */
export type StatusChange = Extract<RunEvent, { kind: 'STATUS_CHANGED' }>

/** The topic of whoever watches all runs. */
export const ALL_RUNS = 'runs'

/** The journal of each run, the ordered log of its events: committed first, then published. */
export interface Journal {
  append(runId: string, bodies: RunEventBody[], patch?: RunPatch): Promise<RunEvent[]>
  /** The same, if the run is in this status; answers false when it is elsewhere. */
  appendIn(status: RunStatus, runId: string, bodies: RunEventBody[], patch?: RunPatch): Promise<boolean>
  /**
   * Moves the run to another status, if its present one allows that.
   * @param from    only from one of these, where its present status would allow more
   * @param step    steps done, where that is not what the run's row says
   * @param within  further writes of the same transaction
   * @returns false when the run was already elsewhere: somebody else's change came first
   */
  transition(
    runId: string,
    to: RunStatus,
    options?: {
      from?: readonly RunStatus[]
      failure?: RunFailure
      before?: RunEventBody[]
      patch?: RunPatch
      step?: number
      within?: (transaction: Transaction) => Promise<void>
    },
  ): Promise<boolean>
  /** Changes the run's row alone: how far it is, between events. */
  progress(runId: string, patch: RunPatch): Promise<void>
  /** Publishes the newest event once more: who has not heard of those before it looks into the journal. */
  announce(runId: string): Promise<void>
  /**
   * Events after `after`, in order: at least one where there are any, at most `limit`. The newest of a run at work are in
   * memory, and older ones there for a while when somebody has read them.
   */
  read(runId: string, after: number, limit: number): Promise<readonly RunEvent[]>
  /** Each status that the run went to, in order. */
  statusChanges(runId: string): Promise<StatusChange[]>
  /** Where the run stands; null when there is no such run. */
  position(runId: string): Promise<Position | null>
  /** See RunSpans.enter. */
  partOf: RunSpans['enter']
  /** The run was deleted. */
  forget(runId: string): void
}

/** @param ended  called when the end of a run is committed, with what webhooks are told of it */
export function createJournal(
  prisma: PrismaClient,
  events: Bus<RunEvent>,
  changedRuns: Pick<Bus<string>, 'publish'>,
  telemetry: Telemetry,
  tracing: Tracing,
  ended = () => {},
): Journal {
  const recent = createRecentEvents()
  const pages = createJournalPages(readRows)
  const spans = createRunSpans(tracing)

  const publish = (runId: string, written: RunEvent[]) => {
    for (const event of written) {
      recent.add(event)
      events.publish(runId, event)
    }
    changedRuns.publish(ALL_RUNS, runId)
  }

  /** Commits what is written in a transaction, then publishes it; null: nothing was to be written. */
  async function commit<Written extends RunEvent[] | null>(
    runId: string,
    work: (tx: Transaction) => Promise<Written>,
  ): Promise<Written> {
    const began = performance.now()
    const written = await prisma.$transaction(work)
    if (written === null) return written
    const ms = performance.now() - began
    telemetry.record({ kind: 'journalWrite', events: written.length, ms })
    spans.written(runId, written, began)
    publish(runId, written)
    return written
  }

  /** Writes events behind the newest one; the row's lock keeps writers of one run in line. */
  async function write(
    tx: Transaction,
    runId: string,
    bodies: RunEventBody[],
    patch: Prisma.TrainingRunUpdateInput,
  ): Promise<RunEvent[]> {
    const { lastSeq, attempt } = await tx.trainingRun.update({
      where: { id: runId },
      data: { ...patch, lastSeq: { increment: bodies.length } },
      select: { lastSeq: true, attempt: true },
    })
    const at = new Date()
    const written = bodies.map((body, i): RunEvent => {
      return { runId, seq: lastSeq - bodies.length + 1 + i, at, attempt, ...body }
    })
    await tx.runEvent.createMany({
      data: written.map((event, i) => ({
        runId,
        seq: event.seq,
        kind: event.kind,
        at,
        attempt,
        payload: payloadOf(bodies[i]) ?? undefined,
      })),
    })
    const points = written.flatMap((event) =>
      event.kind === 'LOSS_POINTS' ? event.points.map((point) => ({ ...point, runId, seq: event.seq })) : [],
    )
    await writePoints(tx, points)
    return written
  }

  async function readRows(runId: string, after: number, limit: number): Promise<RunEvent[]> {
    const rows = await prisma.runEvent.findMany({
      where: { runId, seq: { gt: after } },
      orderBy: { seq: 'asc' },
      take: limit,
    })
    const withPoints = rows.filter((row) => row.kind === 'LOSS_POINTS')
    const points =
      withPoints.length === 0
        ? []
        : await prisma.lossPoint.findMany({
            where: { runId, seq: { gte: withPoints[0].seq, lte: withPoints[withPoints.length - 1].seq } },
            orderBy: [{ seq: 'asc' }, { step: 'asc' }],
          })
    const bySeq = new Map<number, LossPoint[]>(withPoints.map((row) => [row.seq, []]))
    for (const point of points) bySeq.get(point.seq)?.push(point)
    return rows.map((row) => eventOf(row, bySeq.get(row.seq) ?? []))
  }

  return {
    append: (runId, bodies, patch = {}) => commit(runId, (tx) => write(tx, runId, bodies, patch)),
    async appendIn(status, runId, bodies, patch = {}) {
      const written = await commit(runId, async (tx) => {
        const run = await lock(tx, runId)
        return run?.status === status ? write(tx, runId, bodies, patch) : null
      })
      return written !== null
    },
    async transition(runId, to, { from, failure, before = [], patch = {}, step, within } = {}) {
      const written = await commit(runId, async (tx) => {
        const run = await lock(tx, runId)
        if (run === null || !canBecome(run.status, to)) return null
        if (from !== undefined && !from.includes(run.status)) return null
        const bodies: RunEventBody[] = [
          ...before,
          { kind: 'STATUS_CHANGED', status: to, failure: failure ?? null, step: step ?? run.step },
        ]
        await within?.(tx)
        // Of a run that goes on nothing is wrong any more.
        const why = to === 'FAILED' && failure !== undefined ? { ...failure } : DbNull
        const events = await write(tx, runId, bodies, { ...patch, status: to, failure: why })
        if (isFinal(to)) await tellEnd(tx, runId, failure ?? null)
        return events
      })
      if (written !== null && isFinal(to)) ended()
      return written !== null
    },
    async progress(runId, patch) {
      await prisma.trainingRun.update({ where: { id: runId }, data: patch, select: { id: true } })
      changedRuns.publish(ALL_RUNS, runId)
    },
    async announce(runId) {
      const run = await prisma.trainingRun.findUnique({ where: { id: runId }, select: { lastSeq: true } })
      if (run !== null) publish(runId, await readRows(runId, run.lastSeq - 1, 1))
    },
    async read(runId, after, limit) {
      return recent.read(runId, after, limit) ?? pages.read(runId, after, limit)
    },
    async statusChanges(runId) {
      const rows = await prisma.runEvent.findMany({
        where: { runId, kind: 'STATUS_CHANGED' },
        orderBy: { seq: 'asc' },
      })
      return rows.map((row) => eventOf(row, []) as StatusChange)
    },
    async position(runId) {
      const known = recent.position(runId)
      if (known !== undefined) return known
      const run = await prisma.trainingRun.findUnique({
        where: { id: runId },
        select: { status: true, lastSeq: true },
      })
      return run && { status: run.status, seq: run.lastSeq }
    },
    partOf: spans.enter,
    forget(runId) {
      recent.forget(runId)
      pages.forget(runId)
    },
  }
}

/** Reads a run's status under the row lock that an update takes, so that two transitions cannot both win. */
async function lock(tx: Transaction, runId: string): Promise<{ status: RunStatus; step: number } | null> {
  try {
    return await tx.trainingRun.update({
      where: { id: runId },
      data: { lastSeq: { increment: 0 } },
      select: { status: true, step: true },
    })
  } catch (error) {
    if (error instanceof PrismaClientKnownRequestError && error.code === 'P2025') return null
    throw error
  }
}
