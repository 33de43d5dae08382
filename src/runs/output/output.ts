import type { Logger } from 'pino'
import { createSharedReads } from '../../concurrency/shared-reads.ts'
import type { PrismaClient } from '../../db/generated/client.ts'
import { insertRunOutputLines } from '../../db/run-output-lines.ts'
import { ValidationError } from '../../errors.ts'
import type { Bus } from '../../ports/bus.ts'
import { noRun } from '../journal/find-run.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEvent } from '../model/events.ts'
import { followOutput } from './follow.ts'
import { MAX_LINES, type OutputLine } from './line.ts'
import { createOutputWriter, type OutputWriter, type UnnumberedLine } from './writer.ts'

/** A page of what the trainers of a run printed. */
export interface OutputPage {
  lines: OutputLine[]
  /** Number of the oldest line that is kept; those before it are gone. 1 when there is none. */
  firstKept: number
  /** Number of the newest line; 0 when there is none. */
  newest: number
}

/** What the trainers of runs print, kept and streamed. */
export interface RunOutput {
  /** Takes the output of a trainer that is being started. One at a time for a run. */
  open(run: { id: string; attempt: number }, logger: Logger): OutputWriter
  /**
   * Lines after a number: the first so many, or with `last` the last so many. In order of their numbers.
   * @returns null when there is no such run
   */
  page(
    runId: string,
    query: { after: number; first: number } | { after: number; last: number },
  ): Promise<OutputPage | null>
  /** Lines after a number, then those to come. Throws NotFoundError, or ValidationError for one that is ahead. */
  follow(runId: string, after: number): Promise<AsyncIterableIterator<OutputLine>>
}

export function createRunOutput(
  prisma: PrismaClient,
  events: Bus<RunEvent>,
  /** Tells that there are more lines of a run. */
  written: Bus<void>,
  { position }: Pick<Journal, 'position'>,
): RunOutput {
  const read = (runId: string, after: number, limit: number, newestFirst = false): Promise<OutputLine[]> =>
    prisma.runOutputLine.findMany({
      where: { runId, number: { gt: after } },
      orderBy: { number: newestFirst ? 'desc' : 'asc' },
      take: limit,
      omit: { runId: true },
    })

  async function ends(runId: string): Promise<{ firstKept: number; newest: number }> {
    const { _min, _max } = await prisma.runOutputLine.aggregate({
      where: { runId },
      _min: { number: true },
      _max: { number: true },
    })
    return { firstKept: _min.number ?? 1, newest: _max.number ?? 0 }
  }

  const reads = createSharedReads()

  return {
    open({ id: runId, attempt }, logger) {
      let newest: number | undefined
      async function write(lines: UnnumberedLine[]): Promise<void> {
        const before = newest ?? (await ends(runId)).newest
        const last = before + lines.length
        await prisma.$transaction([
          insertRunOutputLines(
            prisma,
            lines.map((line, i) => ({ runId, number: before + 1 + i, attempt, ...line })),
          ),
          prisma.runOutputLine.deleteMany({ where: { runId, number: { lte: last - MAX_LINES } } }),
        ])
        newest = last
        written.publish(runId)
      }
      return createOutputWriter(write, logger)
    },
    async page(runId, query) {
      if ((await position(runId)) === null) return null
      const lines =
        'last' in query
          ? (await read(runId, query.after, query.last, true)).reverse()
          : await read(runId, query.after, query.first)
      return { lines, ...(await ends(runId)) }
    },
    async follow(runId, after) {
      if ((await position(runId)) === null) throw noRun()
      const { newest } = await ends(runId)
      if (after > newest) {
        const message = `The cursor is ahead of the run's lines, which end at ${newest}; it belongs to another run.`
        throw new ValidationError([{ path: ['after'], message }])
      }
      return followOutput({ read, reads, position, written, events }, runId, after)
    },
  }
}
