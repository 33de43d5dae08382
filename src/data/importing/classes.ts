import { byName, looksOf, readClassName } from './class-names.ts'
import type { Findings } from './findings.ts'
import type { ImportedImage } from './images.ts'
import { ImportRefusedError } from './refusal.ts'

const MIN_CLASSES = 2
const MAX_CLASSES = 1000
/** Fewer pictures than this are told of. */
const FEW = 10

/** The names of classes as they are written, and as they are kept. */
export interface ClassNames {
  /**
   * The name that is kept; null for one that cannot be, whose pictures are left out.
   * @param pictures  that have it, of those that were not asked for before
   */
  nameOf(written: string, pictures?: number): string | null
  /** Names that are in the origin, with pictures or without. */
  readonly known: ReadonlySet<string>
  /** Tells of names that cannot be kept, of classes that were taken as one, and of those that look alike. */
  tell(findings: Findings): void
}

export function createClassNames(): ClassNames {
  const names = new Map<string, string | null>()
  const problems = new Map<string, { problem: string; pictures: number }>()
  const known = new Map<string, string[]>()
  return {
    nameOf(written, pictures = 1) {
      const before = names.get(written)
      if (before === null) problems.get(written)!.pictures += pictures
      if (before !== undefined) return before
      const read = readClassName(written)
      if ('problem' in read) {
        names.set(written, null)
        problems.set(written, { problem: read.problem, pictures })
        return null
      }
      names.set(written, read.name)
      known.set(read.name, [...(known.get(read.name) ?? []), written])
      if (known.size > MAX_CLASSES) {
        throw new ImportRefusedError(
          `It has more than ${MAX_CLASSES} classes. A folder for each picture, or a column that is no label, makes so many.`,
        )
      }
      return read.name
    },
    get known() {
      return new Set(known.keys())
    },
    tell(findings) {
      for (const [written, { problem, pictures }] of problems) {
        findings.add(
          'REFUSED',
          written,
          `${problem} The class and its pictures (${pictures}) are left out: rename it.`,
        )
      }
      for (const [name, all] of known) {
        if (all.length < 2) continue
        const message = `It is written in ${all.length} ways that differ in blanks at the ends or in how accents are encoded: taken as one class.`
        findings.add('SIMILAR_CLASSES', name, message, all.find((written) => written !== name) ?? null)
      }
      const looks = new Map<string, string>()
      for (const name of [...known.keys()].sort(byName)) {
        const other = looks.get(looksOf(name))
        if (other === undefined) looks.set(looksOf(name), name)
        else {
          const message = `It differs from "${other}" in case, blanks or the form of its characters alone: both are kept. If they are one, merge them.`
          findings.add('SIMILAR_CLASSES', name, message, other)
        }
      }
    },
  }
}

/**
 * The classes of the images: in the origin's order, where it has one, and then by name.
 * @throws ImportRefusedError where there are too few to choose from
 */
export function orderClasses(images: readonly ImportedImage[], ordered: readonly string[]): string[] {
  const present = new Set(images.map(({ label }) => label))
  const first = [...new Set(ordered)].filter((name) => present.has(name))
  const others = [...present].filter((name) => !first.includes(name)).sort(byName)
  const classes = [...first, ...others]
  if (classes.length >= MIN_CLASSES) return classes
  const only = classes.length === 1 ? `: only "${classes[0]}"` : ''
  throw new ImportRefusedError(
    `A data set needs ${MIN_CLASSES} classes with pictures that can be read, and there ${classes.length === 1 ? 'is one' : 'is none'}${only}.`,
  )
}

/** Tells of classes that have no pictures, too few, or none of a split. */
export function tellOfClasses(
  images: readonly ImportedImage[],
  known: ReadonlySet<string>,
  findings: Findings,
): void {
  const counts = new Map([...known].sort(byName).map((name) => [name, { train: 0, test: 0 }]))
  for (const { label, split } of images) counts.get(label)![split!]++
  for (const [name, { train, test }] of counts) {
    const pictures = `${train + test} ${train + test === 1 ? 'picture' : 'pictures'}`
    if (train + test === 0) {
      findings.add('EMPTY_CLASS', name, 'It has no picture that can be read: it is no class of the data set.')
    } else if (train === 0) {
      findings.add(
        'FEW_PICTURES',
        name,
        `It has ${pictures} for testing and none for training: it cannot be learned.`,
      )
    } else if (test === 0) {
      findings.add(
        'FEW_PICTURES',
        name,
        `It has ${pictures} for training and none for testing: how well it is learned cannot be told.`,
      )
    } else if (train + test < FEW) {
      findings.add(
        'FEW_PICTURES',
        name,
        `It has ${pictures}, of which ${test} for testing: hardly enough to learn from, and to tell how well.`,
      )
    }
  }
}
