import { COLOUR, COVER, type Resize } from '../../pictures/resize.ts'
import type { DatasetFacts, Split } from '../dataset-facts.ts'
import { readClassName } from '../importing/class-names.ts'
import type { DatasetEdits } from '../importing/protocol.ts'
import type { AskedImport } from './asked.ts'
import type { EditsInput, FromInput, HowInput, PictureInput } from './input.ts'

/** One wrong value, as ValidationError has it. */
export interface Issue {
  path: string[]
  message: string
}

export const SIDES = { least: 32, most: 224 }
export const CLASSES = { least: 2, most: 1000 }
/** [height, width] where neither a person nor a data set says another. */
export const USUAL_SIZE: readonly [number, number] = [64, 64]
export const USUAL_TEST_SHARE = 0.2
const MAX_SEED = 2 ** 31 - 1
/** Of each list of edits. */
export const MAX_EDITS = 10_000

/** Size, rule and split, with what is usual where nothing is said. */
export function readHow(
  { size, resize: rule, background, testShare, seed, labels }: Omit<HowInput, 'idempotencyKey'>,
  usual: { size: readonly [number, number]; resize?: Resize; split?: AskedImport['split'] },
  issues: Issue[],
): Omit<AskedImport, 'from'> {
  const wanted = size ?? usual.size
  const isSide = (side: number) => Number.isInteger(side) && side >= SIDES.least && side <= SIDES.most
  if (wanted.length !== 2 || !wanted.every(isSide)) {
    issues.push({
      path: ['size'],
      message: `A size is [height, width], each from ${SIDES.least} to ${SIDES.most} pixels, not [${wanted.slice(0, 4).join(', ')}].`,
    })
  }
  const resize: Resize =
    rule === undefined
      ? (usual.resize ?? COVER)
      : { rule, shorterSide: null, ...(rule === 'CONTAIN' && background !== undefined && { background }) }
  if (background !== undefined && !COLOUR.test(background)) {
    issues.push({
      path: ['background'],
      message: `A colour is written as #rrggbb, such as "#ffffff", not ${quoted(background)}.`,
    })
  } else if (background !== undefined && rule !== 'CONTAIN') {
    issues.push({ path: ['background'], message: 'Only with the resize rule CONTAIN is there a background.' })
  }
  const share = testShare ?? usual.split?.testShare ?? USUAL_TEST_SHARE
  if (!(share > 0 && share < 1)) {
    issues.push({
      path: ['testShare'],
      message: `A share is above 0 and below 1, such as ${USUAL_TEST_SHARE}, not ${share}.`,
    })
  }
  const chosen = seed ?? usual.split?.seed ?? 0
  if (!Number.isInteger(chosen) || chosen < 0 || chosen > MAX_SEED) {
    issues.push({ path: ['seed'], message: `A seed is an integer from 0 to ${MAX_SEED}.` })
  }
  return {
    size: [wanted[0]!, wanted[1]!],
    resize,
    split: { testShare: share, seed: chosen },
    labels: labels ?? null,
  }
}

/** Only files can have coarse labels; whether these do is seen when they are imported. */
export function checkLabels(
  { labels }: Pick<HowInput, 'labels'>,
  from: FromInput | null,
  issues: Issue[],
): void {
  if (labels !== 'COARSE' || (from !== null && ('archive' in from || 'folder' in from))) return
  const message =
    'Only the binary files of CIFAR-100, in an archive or a folder, have coarse labels. Leave labels out.'
  issues.push({ path: ['labels'], message })
}

/** Labels of pictures in the form in which they are kept. */
export function readLabels(pictures: readonly PictureInput[], path: string[], issues: Issue[]): string[] {
  if (pictures.length === 0) issues.push({ path, message: 'Send at least one picture.' })
  return pictures.map(({ label }, i) => checkedLabel(label, [...path, String(i), 'label'], issues))
}

function checkedLabel(text: string, path: string[], issues: Issue[]): string {
  const read = readClassName(text)
  if ('name' in read) return read.name
  issues.push({ path, message: read.problem })
  return text
}

/** @param facts  of the version that is edited */
export function readEdits(input: EditsInput, facts: DatasetFacts, issues: Issue[]): DatasetEdits {
  const path = (...more: (string | number)[]) => ['edits', ...more.map(String)]
  for (const list of ['classes', 'relabel', 'exclude'] as const) {
    if (input[list].length > MAX_EDITS) {
      issues.push({ path: path(list), message: `At most ${MAX_EDITS} at once, not ${input[list].length}.` })
      return { classes: {}, relabelled: [], excluded: [], mostOfClass: null }
    }
  }
  // A class may be called as what every object has.
  const classes: Record<string, string | null> = Object.create(null)
  for (const [i, { from, to }] of input.classes.entries()) {
    const known = knownClass(from, facts)
    if (known === null) {
      issues.push({ path: path('classes', i, 'from'), message: noClass(from, facts) })
    } else if (Object.hasOwn(classes, known)) {
      issues.push({ path: path('classes', i, 'from'), message: `The class ${quoted(from)} comes twice.` })
    } else {
      classes[known] = to === null ? null : checkedLabel(to, path('classes', i, 'to'), issues)
    }
  }
  const seen = new Set<string>()
  const place = ({ split, index }: { split: Split; index: number }, at: string[]) => {
    const count = facts.count[split]
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      const images = count === 0 ? 'has no images' : `has the images 0 to ${count - 1}`
      issues.push({ path: [...at, 'index'], message: `The split ${split} of ${facts.name} ${images}.` })
    } else if (seen.has(`${split} ${index}`)) {
      issues.push({ path: at, message: `Image ${index} of the split ${split} comes twice among the edits.` })
    }
    seen.add(`${split} ${index}`)
    return { split, index }
  }
  const relabelled = input.relabel.map(({ label, ...of }, i) => ({
    ...place(of, path('relabel', i)),
    label: checkedLabel(label, path('relabel', i, 'label'), issues),
  }))
  const excluded = input.exclude.map((of, i) => place(of, path('exclude', i)))
  const { mostOfClass } = input
  if (mostOfClass !== null && !(Number.isInteger(mostOfClass) && mostOfClass >= 1)) {
    issues.push({ path: path('mostOfClass'), message: `At least 1, not ${mostOfClass}.` })
  }
  return { classes: { ...classes }, relabelled, excluded, mostOfClass }
}

/** Whether what is left can be told apart: classes that come of pictures that are added are not counted. */
export function checkClasses(edits: DatasetEdits, facts: DatasetFacts, issues: Issue[]): void {
  const renamed = facts.classes.map((label) =>
    Object.hasOwn(edits.classes, label) ? edits.classes[label] : label,
  )
  const left = new Set([
    ...renamed.filter((label) => label !== null),
    ...edits.relabelled.map(({ label }) => label),
  ])
  if (left.size >= CLASSES.least && left.size <= CLASSES.most) return
  const message = `A data set has from ${CLASSES.least} to ${CLASSES.most} classes; ${left.size} would be left.`
  issues.push({ path: ['edits', 'classes'], message })
}

function knownClass(text: string, { classes }: DatasetFacts): string | null {
  if (classes.includes(text)) return text
  const read = readClassName(text)
  return 'name' in read && classes.includes(read.name) ? read.name : null
}

/** As many names as one reads. */
const NAMED = 20

function noClass(label: string, { name, classes }: DatasetFacts): string {
  const more = classes.length > NAMED ? `, and ${classes.length - NAMED} more` : ''
  return `${name} has no class ${quoted(label)}. It has: ${classes.slice(0, NAMED).join(', ')}${more}.`
}

const quoted = (text: string) => JSON.stringify([...text].slice(0, 200).join(''))
