import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { importDataset } from '../../src/data/importing/import.ts'
import { type Finding, MAX_FINDINGS } from '../../src/data/importing/protocol.ts'
import { ImportRefusedError } from '../../src/data/importing/refusal.ts'
import { COVER } from '../../src/pictures/resize.ts'
import { type HostileArchive, hostileArchive } from './hostile-archives.ts'
import { loadDataset } from './loaded-dataset.ts'

/**
 * Imports the archive of a seed, and checks that it came to a data set with a true report, or was refused with a reason,
 * and that nothing else is there afterwards.
 * @param folder  empty
 */
export async function importHostile(
  seed: number,
  pictures: readonly Buffer[],
  folder: string,
): Promise<'imported' | 'refused'> {
  const made = hostileArchive(seed, pictures)
  const [inside, path] = [join(folder, 'data'), join(folder, 'upload')]
  mkdirSync(join(inside, 'scratch'), { recursive: true })
  writeFileSync(path, made.bytes)
  try {
    const outcome = await attempt(made, inside, path)
    expect(readdirSync(folder).sort(), made.what).toEqual(['data', 'upload'])
    expect(readdirSync(inside).sort(), made.what).toEqual(
      outcome === 'imported' ? ['pets@1.bin', 'scratch'] : ['scratch'],
    )
    expect(readdirSync(join(inside, 'scratch')), made.what).toEqual([])
    return outcome
  } finally {
    rmSync(inside, { recursive: true })
    rmSync(path)
  }
}

async function attempt(
  { what, known }: HostileArchive,
  inside: string,
  path: string,
): Promise<'imported' | 'refused'> {
  const findings: Finding[] = []
  const file = join(inside, 'pets@1.bin')
  let imported: Awaited<ReturnType<typeof importDataset>>
  try {
    imported = await importDataset(
      {
        name: 'pets@1',
        from: { kind: 'archive', path, name: 'pets' },
        size: [32, 32],
        resize: COVER,
        split: { testShare: 0.2, seed: 1 },
        labels: null,
        maxBytes: 2 ** 26,
        file,
        scratch: join(inside, 'scratch'),
      },
      { progress() {}, findings: (some) => findings.push(...some) },
    )
  } catch (error) {
    if (!(error instanceof ImportRefusedError)) throw new Error(`${what}: ${error}`, { cause: error })
    expect(error.message, what).toMatch(/^\P{Cc}{10,1000}\.$/u)
    return 'refused'
  }
  const { facts, summary, digest } = imported
  const { train, test } = await loadDataset(file, digest)
  expect(facts.count, what).toEqual({ train: train.count, test: test.count })
  expect(train.count + test.count, what).toBe(summary.images)
  expect(Math.min(train.count, test.count), what).toBeGreaterThan(0)
  expect(new Set([...train.labels, ...test.labels]).size, what).toBe(facts.classes.length)
  expect(facts.classes.length, what).toBeGreaterThan(1)
  expect([...facts.normalization.mean, ...facts.normalization.std].every(Number.isFinite), what).toBe(true)
  for (const kind of Object.keys(summary.findings) as Finding['kind'][]) {
    const told = findings.filter((finding) => finding.kind === kind)
    expect(told, what).toHaveLength(Math.min(MAX_FINDINGS, summary.findings[kind]!))
  }
  for (const { path, message } of findings)
    expect(`${path.length > 0} ${message}`, what).toMatch(/^true [^\p{Cc}]{5,}\.$/u)
  if (known !== null) {
    expect(summary.images + (summary.findings.DUPLICATE ?? 0), what).toBe(known.pictures)
    const named = findings.map((finding) => finding.path)
    expect(named, what).toEqual(expect.arrayContaining(known.bad.map((name) => name.normalize('NFC'))))
  }
  return 'imported'
}
