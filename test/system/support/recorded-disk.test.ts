import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readDisk } from '../../support/power-cut/disk.ts'
import { canRecord, startRecorder } from '../../support/power-cut/recording.ts'
import { seededRandom } from '../../support/random.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const BYTES = 64 * 1024

/** Runs a script in a folder, and answers what the disk may hold at its end: many that differ. */
function disksAfter(script: string): string[] {
  const folder = temporaryFolder()
  const worked = join(folder, 'worked')
  mkdirSync(worked)
  writeFileSync(join(worked, 'old'), Buffer.alloc(BYTES, 'o'))
  const disk = readDisk(worked)
  const recorder = startRecorder(worked)
  const beginning = `const fs = require('node:fs'); const bytes = Buffer.alloc(${BYTES}, 'n')
    const sync = (path) => { const file = fs.openSync(path); fs.fsyncSync(file); fs.closeSync(file) }; `
  execFileSync(process.execPath, ['-e', beginning + script], {
    cwd: worked,
    env: { ...process.env, ...recorder.env },
  })
  for (const deed of recorder.deeds()) disk.play(deed)
  recorder.close()
  return Array.from({ length: 60 }, (_, seed) => {
    const target = join(folder, String(seed))
    disk.rebuild(target, seededRandom(seed))
    return target
  })
}

/** What a file holds: letters that are there. */
function contentOf(path: string): string {
  if (!existsSync(path)) return 'none'
  const bytes = readFileSync(path)
  const letters = [...new Set(bytes)].sort().map((byte) => (byte === 0 ? '-' : String.fromCharCode(byte)))
  return `${bytes.length === BYTES ? 'all' : 'part'} ${letters.join('')}`.trim()
}
const contents = (disks: string[], name: string) => new Set(disks.map((disk) => contentOf(join(disk, name))))

test.skipIf(!canRecord)('the recorded disk keeps what was synced, and may lose all else', () => {
  const synced = disksAfter(
    "fs.writeFileSync('draft', bytes); sync('draft'); fs.renameSync('draft', 'new'); sync('.')",
  )
  expect(contents(synced, 'new')).toEqual(new Set(['all n']))
  expect(contents(synced, 'draft')).toEqual(new Set(['none']))
  expect(contents(synced, 'old')).toEqual(new Set(['all o']))

  const unnamed = disksAfter("fs.writeFileSync('new', bytes); sync('new')")
  expect(contents(unnamed, 'new')).toEqual(new Set(['all n', 'none']))

  const unsynced = disksAfter("fs.writeFileSync('old', bytes); fs.writeFileSync('new', bytes); sync('.')")
  // What was there before is torn as well.
  for (const content of ['part', 'all o', 'all n', 'all -no'])
    expect(contents(unsynced, 'old')).toContain(content)
  for (const content of ['part', 'all n', 'all -n']) expect(contents(unsynced, 'new')).toContain(content)

  const swapped = disksAfter("fs.mkdirSync('a'); fs.writeFileSync('a/new', bytes); fs.unlinkSync('old')")
  const kinds = swapped.map((disk) => `${existsSync(join(disk, 'a'))} ${existsSync(join(disk, 'old'))}`)
  expect(new Set(kinds).size).toBe(4)
})
