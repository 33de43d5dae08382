import type { VariablesOf } from '../../src/client/graphql.ts'
import { counted } from '../format.ts'
import type { Changes, UPDATE } from './documents.ts'
import type { Split } from './samples.ts'

/** An image, and the class that it is of. */
export interface Place {
  split: Split
  index: number
  label: string
}

/** What is to be another in the next version. Images go by `keyOf`. */
export interface Edits {
  /** Classes and what becomes of them: another name, that of another class to merge the two, or null to leave them out. */
  classes: ReadonlyMap<string, string | null>
  excluded: ReadonlyMap<string, Place>
  /** `label` is the class from then on. */
  relabelled: ReadonlyMap<string, Place>
}

export const NO_EDITS: Edits = { classes: new Map(), excluded: new Map(), relabelled: new Map() }

export function keyOf({ split, index }: Pick<Place, 'split' | 'index'>): string {
  return `${split} ${index}`
}

export function isEdited({ classes, excluded, relabelled }: Edits): boolean {
  return classes.size + excluded.size + relabelled.size > 0
}

/** @param to  as typed: "" or the name itself takes the change back; null leaves the class out */
export function editClass(edits: Edits, from: string, to: string | null): Edits {
  const classes = new Map(edits.classes)
  if (to === null || (to.trim() !== '' && to.trim() !== from)) classes.set(from, to)
  else classes.delete(from)
  return { ...edits, classes }
}

/** @param label  their class from then on; null leaves them out */
export function editImages(edits: Edits, places: Iterable<Place>, label: string | null): Edits {
  const excluded = new Map(edits.excluded)
  const relabelled = new Map(edits.relabelled)
  for (const place of places) {
    const key = keyOf(place)
    excluded.delete(key)
    relabelled.delete(key)
    if (label === null) excluded.set(key, place)
    else if (label !== place.label) relabelled.set(key, { ...place, label })
  }
  return { ...edits, excluded, relabelled }
}

/** As the API takes them. */
export function inputOf(
  { classes, excluded, relabelled }: Edits,
  mostOfClass: number | null,
): NonNullable<VariablesOf<typeof UPDATE>['input']['edits']> {
  return {
    classes: [...classes].map(([from, to]) => ({ from, to: to?.trim() ?? null })),
    exclude: [...excluded.values()].map(({ split, index }) => ({ split, index })),
    relabel: [...relabelled.values()],
    mostOfClass,
  }
}

/** What is to change, a line each. */
export function editLines({ classes, excluded, relabelled }: Edits, known: readonly string[]): string[] {
  const lines = [...classes].map(([from, to]) => {
    if (to === null) return `${from} is left out`
    return known.includes(to.trim())
      ? `${from} becomes a part of ${to.trim()}`
      : `${from} is called ${to.trim()}`
  })
  if (relabelled.size > 0) lines.push(`${counted(relabelled.size, 'picture')} of another class`)
  if (excluded.size > 0) lines.push(`${counted(excluded.size, 'picture')} left out`)
  return lines
}

/** Of how many classes it is said what became of each. */
const NAMED = 3

/** What is another in a version than in the one it was made of. */
export function changesText({ parent, edits }: Changes): string {
  if (parent === null || edits === null) return ''
  const { classes, relabelled, excluded, mostOfClass } = edits
  const named = classes
    .slice(0, NAMED)
    .map(({ from, to }) => (to === null ? `without ${from}` : `${from} → ${to}`))
  const parts = [
    ...named,
    classes.length > NAMED && `${classes.length - NAMED} more classes`,
    relabelled > 0 && `${counted(relabelled, 'picture')} relabelled`,
    excluded > 0 && `${counted(excluded, 'picture')} left out`,
    mostOfClass !== null && `at most ${mostOfClass} of a class`,
  ].filter(Boolean)
  return parts.join(', ')
}
