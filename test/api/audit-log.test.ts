import { afterEach, expect, test } from 'vitest'
import { LOCAL_VIEWER } from '../../src/access/viewer.ts'
import { type AuditEvent, createAuditLog } from '../../src/audit/log.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const logged: unknown[] = []
const open = () =>
  createAuditLog({
    prisma: database.prisma,
    logger: { error: (...told: unknown[]) => void logged.push(told) },
  })

afterEach(async () => {
  logged.length = 0
  await database.prisma.auditEntry.deleteMany()
})

const event = (requestId: string): AuditEvent => ({
  action: 'deleteTrainingRun',
  viewer: LOCAL_VIEWER,
  origin: { requestId, address: '127.0.0.1' },
  outcome: 'DONE',
})

test('What is recorded is found by whoever reads from then on, in its order, however much it is at once', async () => {
  const log = open()
  const ids = Array.from({ length: 1200 }, (_, i) => `request ${i}`)
  await log.record(event('first'))
  expect(await log.count({ requestId: 'first' })).toBe(1)
  await Promise.all(ids.map((id) => log.record(event(id))))
  const rows = await log.list({ orderBy: { seq: 'asc' } })
  expect(rows.map(({ requestId }) => requestId)).toEqual(['first', ...ids])
  expect(rows.map(({ seq }) => seq - rows[0]!.seq)).toEqual(rows.map((_, i) => i))
  await log.close()
})

test('An entry that cannot be written is in the log of the server, and those after it are written', async () => {
  const log = open()
  const { prisma } = database
  await prisma.$executeRaw`ALTER TABLE "AuditEntry" RENAME TO "Away"`
  await log.record(event('lost'))
  await log.close()
  await prisma.$executeRaw`ALTER TABLE "Away" RENAME TO "AuditEntry"`
  expect(logged).toMatchObject([
    [
      {
        err: expect.any(Error),
        entries: [{ action: 'deleteTrainingRun', requestId: 'lost', viewerId: 'local' }],
      },
      'entries of the audit log were not written',
    ],
  ])
  await log.record(event('kept'))
  expect(await log.list({})).toMatchObject([{ requestId: 'kept' }])
  await log.close()
})

test('Nobody waits for what is being written, until a thousand entries are', async () => {
  const log = open()
  const { prisma } = database
  let thousandth: Promise<void> | undefined
  // Holds up whatever else is written.
  await prisma.$transaction(async (tx) => {
    await tx.auditEntry.count()
    await log.record(event('under way'))
    for (let i = 0; i < 999; i++) await log.record(event('waiting'))
    thousandth = log.record(event('waiting'))
    const first = [thousandth.then(() => 'it did not wait'), tx.auditEntry.count().then(() => 'it waits')]
    expect(await Promise.race(first)).toBe('it waits')
  })
  await thousandth
  expect(await prisma.auditEntry.count()).toBe(1001)
})

test('Closing the log waits for what is being written', async () => {
  const log = open()
  await log.record(event('last'))
  await log.close()
  expect(await database.prisma.auditEntry.count({ where: { requestId: 'last' } })).toBe(1)
})
