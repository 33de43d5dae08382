/** What people may call things. PostgreSQL keeps neither NUL nor half of a surrogate pair. */
export function isLabel(text: string): boolean {
  return text.trim() !== '' && text.length <= 200 && !text.includes('\0') && !/\p{Surrogate}/u.test(text)
}

/** What isLabel asks for, for a message. */
export const LABEL = '1 to 200 characters, not all of them blank and none of them NUL.'
