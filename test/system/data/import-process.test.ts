import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readHeader } from '../../../src/data/dataset-file.ts'
import type {
  Finding,
  FromImporter,
  ImportJob,
  ImportOrigin,
  ToImporter,
} from '../../../src/data/importing/protocol.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { runJob } from '../../../src/process/job.ts'
import { zipOf } from '../../support/archives.ts'
import { archive, classFolders, entriesOf, importing } from '../../support/importing.ts'
import { mountSmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** As the server runs it. */
async function run(
  from: ImportOrigin,
  folder: string,
  options: { size?: number; onNews?: (phase: string) => void; signal?: AbortSignal } = {},
) {
  const [findings, phases]: [Finding[], string[]] = [[], []]
  const task: ImportJob = {
    name: 'pets@1',
    from,
    size: [options.size ?? 32, options.size ?? 32],
    resize: COVER,
    split: { testShare: 0.25, seed: 1 },
    labels: null,
    maxBytes: 2 ** 30,
    file: join(folder, 'pets@1.bin'),
    scratch: join(folder, 'scratch'),
  }
  mkdirSync(task.scratch, { recursive: true })
  const output: string[] = []
  const answer = await runJob<ToImporter, FromImporter, 'progress' | 'findings'>(
    {
      name: 'import',
      entry: new URL('../../../dist/data/importing/import-process.js', import.meta.url),
      task,
      what: 'imported the data set',
      onOutput: (line) => output.push(line),
    },
    {
      progress({ phase }) {
        phases.push(phase)
        options.onNews?.(phase)
      },
      findings: (told) => findings.push(...told.findings),
    },
    options.signal ?? new AbortController().signal,
  )
  expect(output).toEqual([])
  return { answer, findings, phases, file: task.file }
}

test('the process makes the file and tells how it goes, as the same import does here', async () => {
  const files = { ...(await classFolders({ cat: 30, dog: 30 })), 'cat/broken.png': 'no picture' }
  const origin = archive(zipOf(entriesOf(files)))
  const { answer, findings, phases, file } = await run(origin, temporaryFolder())
  const here = await importing(origin)
  expect(answer).toEqual({ type: 'done', facts: here.facts, digest: here.digest, summary: here.summary })
  expect(findings).toEqual(here.findings)
  expect(readHeader(file)).toMatchObject({ name: 'pets@1', digest: here.digest, source: 'pets.zip' })
  expect([...new Set(phases)]).toEqual(['UNPACKING', 'READING', 'WRITING'])
})

test('what cannot become a data set fails with a reason for its sender, and leaves no file', async () => {
  const folder = temporaryFolder()
  const { answer } = await run(archive(Buffer.from('hello')), folder)
  expect(answer).toEqual({
    type: 'failed',
    reason: 'pets.zip is no archive. Send a .zip, .tar or .tar.gz.',
  })
  expect(readdirSync(folder)).toEqual(['scratch'])
})

test('a process that is ended on its way leaves no file', async () => {
  const folder = temporaryFolder()
  const origin = archive(zipOf(entriesOf(await classFolders({ cat: 30, dog: 30 }))))
  const ended = new AbortController()
  const ending = run(origin, folder, {
    signal: ended.signal,
    onNews: (phase) => phase === 'READING' && ended.abort(new Error('enough')),
  })
  await expect(ending).rejects.toThrow('enough')
  expect(existsSync(join(folder, 'pets@1.bin'))).toBe(false)
})

test.skipIf(skipsSmallDisks)('a full disk is told as what the system answered', async () => {
  const disk = mountSmallDisk(4)
  try {
    const origin = archive(zipOf(entriesOf(await classFolders({ cat: 30, dog: 30 }))))
    const { answer } = await run(origin, disk.folder, { size: 224 })
    expect(answer).toMatchObject({ type: 'failed', code: 'ENOSPC' })
    expect(readdirSync(disk.folder)).toEqual(['scratch'])
    expect(readdirSync(join(disk.folder, 'scratch'))).toEqual([])
  } finally {
    disk.unmount()
  }
})
