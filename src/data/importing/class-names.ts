import { readLabel } from '../../label.ts'

const MAX_CHARACTERS = 100

/** The rule of readClassName in words. */
const RULE = `A class's name has 1 to ${MAX_CHARACTERS} characters, one of them visible, and no control or invisible ones.`

/** A class's name as it is kept: in Unicode's normal form C, without blanks at its ends; or why it cannot be one. */
export function readClassName(written: string): { name: string } | { problem: string } {
  const name = readLabel(written)
  const length = [...(name ?? written.slice(0, 10 * MAX_CHARACTERS))].length
  if (length > MAX_CHARACTERS) {
    return {
      problem: `Its name has ${written.length > 10 * MAX_CHARACTERS ? 'more than ' : ''}${length} characters. ${RULE}`,
    }
  }
  return name === null ? { problem: `Its name cannot be one. ${RULE}` } : { name }
}

/** What names have in common that differ in case, in how accents and widths are encoded, or in blanks alone. */
export function looksOf(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ')
    .trim()
}

/** By the numbers of their characters: the same order in every language and on every system. */
export const byName = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
