/**
 * A process for tests to kill. `tsx child.ts write FOLDER FIRST` writes rows FIRST, FIRST+1, ... and says each
 * one when it is committed; `panic FOLDER DISK` fills the disk and needs more log than there is; `claim FOLDER` and `claim-postgres URL` claim, say so and stay.
 */
import { readdirSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../../src/db/client.ts'
import { insertLossPoints } from '../../../src/db/loss-points.ts'
import { openPGlite } from '../../../src/db/pglite.ts'
import { claimPostgres } from '../../../src/db/postgres-claim.ts'
import { claim } from '../../../src/db/single-owner.ts'

const [task, where, first] = process.argv.slice(2) as [string, string, string]
// Not console.log: what is said must have left the process before it goes on.
const say = (line: string) => writeSync(1, `${line}\n`)

if (task === 'write') {
  const { prisma } = await openDatabase({ folder: where })
  const run = { name: 'killed', architecture: 'a', dataset: 'd', hyperparameters: {}, seed: 1, epochs: 1 }
  const { id: runId } = await prisma.trainingRun.create({ data: run })
  const at = new Date()
  const numbers = { epoch: 0, loss: 1, nonFinite: null, layer: null, learningRate: 1, imagesPerSecond: 1 }
  for (let seq = Number(first); ; seq += 1) {
    const points = Array.from({ length: 50 }, (_, step) => {
      return { runId, attempt: seq, step, seq, at, ...numbers }
    })
    await prisma.$transaction([
      prisma.runEvent.create({ data: { runId, seq, kind: 'LOSS_POINTS', at, attempt: 1 } }),
      insertLossPoints(prisma, points),
    ])
    say(String(seq))
  }
}
if (task === 'panic') {
  const { pg } = await openPGlite(where)
  await pg.exec('CREATE TABLE u (n int); INSERT INTO u VALUES (1); CREATE TABLE v (s text)')
  const log = join(where, 'pg_wal')
  const [, ...ahead] = readdirSync(log).filter((name) => name.length === 24)
  const { bavail, bsize } = statfsSync(where)
  writeFileSync(join(first, 'ballast'), Buffer.alloc(bavail * bsize))
  // As if nothing had been kept in reserve: the log's next segment can't be made.
  for (const name of ahead) rmSync(join(log, name))
  writeFileSync(join(first, 'ballast'), Buffer.alloc(ahead.length * 16 * 2 ** 20), { flag: 'a' })
  // Log alone, without a page of a table.
  await pg.query(
    "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 1000))) FROM generate_series(1, 50000)",
  )
}
if (task === 'claim') await claim(where)
if (task === 'claim-postgres') await claimPostgres(where)
say('claimed')
if (first !== 'end') setInterval(() => {}, 60_000)
