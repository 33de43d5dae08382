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

const MAX_NOTES = 10_000
/** What PostgreSQL does not keep, and controls that are no line end or tab. */
const UNWRITABLE = /[\p{Cs}]|(?![\n\t])\p{Cc}/u

/** A text of several lines as it is kept: in Unicode's normal form C, with \n between lines. Null for what is none (NOTES). */
export function readNotes(text: string): string | null {
  if (text.length > 2 * MAX_NOTES) return null
  const notes = text.normalize('NFC').replace(/\r\n?/g, '\n').trim()
  return UNWRITABLE.test(notes) || [...notes].length > MAX_NOTES ? null : notes
}

/** What readNotes asks for, for a message. */
export const NOTES = `at most ${MAX_NOTES} characters, and no control characters but tabs and line ends.`

/** What readLabel asks for, for a message. */
export const LABEL = `1 to ${MAX_CHARACTERS} characters, one of them visible, and no control or invisible characters.`

/** Whether a text can be an idempotency key: it counts as it is. */
export function isKey(text: string): boolean {
  return text.trim() !== '' && [...text].length <= MAX_CHARACTERS && !/[\0\p{Cs}]/u.test(text)
}

/** The rule of isKey in words, for a message. */
export const KEY = `1 to ${MAX_CHARACTERS} characters, not all of them blank and none of them NUL.`
