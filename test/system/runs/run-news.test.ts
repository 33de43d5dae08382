import { expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { createRunHistory } from '../../../src/runs/history/history.ts'
import { createRunStreams, type DeletedRun } from '../../../src/runs/history/streams.ts'
import { ALL_RUNS, createJournal } from '../../../src/runs/journal/journal.ts'
import type { RunEvent } from '../../../src/runs/model/events.ts'
import { RUN_ROW, useDatabase } from '../../support/database.ts'

const db = useDatabase()

test('that a run was deleted is told when word of a change of it comes behind that, and once', async () => {
  const { prisma } = db
  const [bus, changedRuns] = [createBus<RunEvent>(), createBus<string | DeletedRun>()]
  const journal = createJournal(prisma, bus, changedRuns, NO_TELEMETRY, NO_TRACING)
  const streams = createRunStreams({
    prisma,
    journal,
    bus,
    changedRuns,
    history: createRunHistory(prisma),
    telemetry: NO_TELEMETRY,
  })
  const news = streams.followRuns()
  const gone = { id: 'gone', number: 7, name: 'seventh', status: 'FAILED' } as const
  const { id } = await prisma.trainingRun.create({ data: RUN_ROW })
  for (const change of [gone.id, gone, gone.id, id]) changedRuns.publish(ALL_RUNS, change)
  expect((await news.next()).value).toEqual({ kind: 'deleted', run: gone })
  expect((await news.next()).value).toMatchObject({ kind: 'changed', run: { id } })
  await news.return?.()
  expect(changedRuns.listenerCount).toBe(0)
})
