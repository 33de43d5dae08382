import type { Split } from '../../dataset-facts.ts'

/** What people call the parts of a data set. */
export type Part = Split | 'validation'

const NAMES: [Part, RegExp][] = [
  ['train', /^(train|training|trn)([ _-]?(set|split|data|images|pictures))?$/i],
  ['test', /^(test|testing|tst|t10k)([ _-]?(set|split|data|images|pictures))?$/i],
  ['validation', /^(val|valid|validation|dev|eval|evaluation)([ _-]?(set|split|data|images|pictures))?$/i],
]

/** The part that a folder, or a value of a CSV, names; null for any other word. */
export function partNamed(name: string): Part | null {
  return NAMES.find(([, pattern]) => pattern.test(name.trim()))?.[0] ?? null
}

/** Images for validation are test images where there are no others, else training images. */
export function splitOf(part: Part, hasTest: boolean): Split {
  if (part !== 'validation') return part
  return hasTest ? 'train' : 'test'
}

/** The rule of splitOf in words, for a layout that has both; nothing where it has no images for validation. */
export function toldOfValidation(parts: ReadonlySet<Part>): string {
  if (!parts.has('validation')) return ''
  return `; its images for validation are taken as ${splitOf('validation', parts.has('test')) === 'test' ? 'test' : 'training'} images`
}
