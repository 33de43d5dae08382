/** Code points; a name of emoji that are made of several has fewer visible ones. */
const MAX_CHARACTERS = 200

/** Controls, line ends and halves of surrogate pairs, which PostgreSQL does not keep either. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u
/**
 * What is not seen (Unicode's Default_Ignorable_Code_Point): marks that turn the direction of a text, spaces without
 * width, soft hyphens. Two names that look the same would not be. The joiners and variants that Persian, Hindi and emoji
 * are written with do show.
 */
const UNSEEN = /(?!\p{Join_Control}|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/u
const VISIBLE = /[^\s\p{M}\p{Default_Ignorable_Code_Point}]/u

/**
 * What people call things, as it is kept and looked up: in Unicode's normal form C, without blanks at its ends. Null for
 * what is no label (LABEL).
 */
export function readLabel(text: string): string | null {
  if (text.length > 10 * MAX_CHARACTERS) return null
  const label = text.normalize('NFC').trim()
  if (UNPRINTABLE.test(label) || UNSEEN.test(label) || !VISIBLE.test(label)) return null
  return [...label].length <= MAX_CHARACTERS ? label : null
}

/** What readLabel asks for, for a message. */
export const LABEL = `1 to ${MAX_CHARACTERS} characters, one of them visible, and no control or invisible characters.`

/** Whether a text can be an idempotency key: it counts as it is. */
export function isKey(text: string): boolean {
  return text.trim() !== '' && [...text].length <= MAX_CHARACTERS && !/[\0\p{Cs}]/u.test(text)
}

/** The rule of isKey in words, for a message. */
export const KEY = `1 to ${MAX_CHARACTERS} characters, not all of them blank and none of them NUL.`
