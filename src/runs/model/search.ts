import type { Prisma } from '../../db/generated/client.ts'
import { readLabel } from '../../label.ts'

const NUMBER = /^#\d+$/
const MAX_NUMBER = 2 ** 31 - 1

/** Which runs a person means who types "mini" or "#42": all, where nothing is typed. */
export function searched(text: string): Prisma.TrainingRunWhereInput {
  const typed = text.trim()
  if (typed === '') return {}
  if (NUMBER.test(typed)) {
    const number = Number(typed.slice(1))
    return number > MAX_NUMBER ? NONE : { number }
  }
  // As names are kept. What no name can have may not even be text that the database can compare.
  const part = readLabel(typed)
  // Prisma hands % and _ on to LIKE, for which they stand for others.
  return part === null ? NONE : { name: { contains: part.replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' } }
}

const NONE: Prisma.TrainingRunWhereInput = { number: { in: [] } }
