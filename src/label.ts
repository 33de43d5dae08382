/** What people may call things. PostgreSQL's text has no place for NUL. */
export function isLabel(text: string): boolean {
  return text.trim() !== '' && text.length <= 200 && !text.includes('\0')
}

/** What isLabel asks for, for a message. */
export const LABEL = '1 to 200 characters, not all of them blank and none of them NUL.'
