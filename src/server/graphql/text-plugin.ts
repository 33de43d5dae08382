import { type ASTNode, BREAK, type DocumentNode, Kind, visit } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { badInput } from '../../schema/builder/input-error.ts'
import { oncePerNode } from '../../schema/builder/once-per-node.ts'
import { UploadedFile } from '../../uploads.ts'

/**
 * Refuses operations with text that PostgreSQL cannot keep, in whatever argument: NUL, and half of a surrogate pair, which
 * has no UTF-8. Here, once, and not where each text goes: a filter that nobody thought of would be an error of the database.
 */
export function textPlugin(): Plugin {
  const check: Plugin['onExecute'] & Plugin['onSubscribe'] = ({ args, setResultAndStopExecution }) => {
    const place = unstorableLiteral(args.document) ?? unstorableVariable(args.variableValues)
    if (place === null) return
    const error = badInput(`${place} holds NUL (U+0000) or half of a surrogate pair, which no text may hold.`)
    // As for a variable of a wrong type.
    error.extensions.http = { spec: true, status: 400 }
    setResultAndStopExecution({ errors: [error] })
  }
  return { onExecute: check, onSubscribe: check }
}

function isUnstorable(text: string): boolean {
  return text.includes('\0') || /\p{Surrogate}/u.test(text)
}

/** @returns where such a text stands in the document, such as "deleteModelAlias: input.model", or null */
const unstorableLiteral = oncePerNode((document: DocumentNode): string | null => {
  let place: string | null = null
  visit(document, {
    StringValue({ value }, _key, parent, _path, ancestors) {
      if (!isUnstorable(value)) return undefined
      place = placeOf([...ancestors, parent].filter((it) => it !== undefined && 'kind' in it))
      return BREAK
    },
  })
  return place
})

/** @param nodes  what leads to a value, from the document down */
function placeOf(nodes: readonly ASTNode[]): string {
  let field = ''
  const keys: string[] = []
  for (const node of nodes) {
    if (node.kind === Kind.FIELD) field = `${node.name.value}: `
    if (node.kind === Kind.VARIABLE_DEFINITION) keys.push(`$${node.variable.name.value}`)
    if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) keys.push(node.name.value)
  }
  return field + keys.join('.')
}

/** One of the objects and lists that lead to a value, and how far it has been looked through. */
interface Level {
  /** Null for a list. */
  keys: readonly string[] | null
  values: readonly unknown[]
  next: number
}

/**
 * The same for variables: "$input.model". Without recursion and without a list of all values: the JSON of a request may be
 * as deep, or as broad, as it is long.
 */
function unstorableVariable(variables: object | null | undefined): string | null {
  const levels = [levelOf(variables ?? {})]
  for (let level = levels[0]; levels.length > 0; level = levels.at(-1)!) {
    if (level.next === level.values.length) {
      levels.pop()
      continue
    }
    const value = level.values[level.next++]
    const text = value instanceof UploadedFile ? value.name : value
    if (typeof text === 'string') {
      if (isUnstorable(text))
        return `$${levels.map(({ keys, next }) => keys?.[next - 1] ?? next - 1).join('.')}`
    } else if (typeof text === 'object' && text !== null) {
      levels.push(levelOf(text))
    }
  }
  return null
}

function levelOf(value: object): Level {
  return Array.isArray(value)
    ? { keys: null, values: value, next: 0 }
    : { keys: Object.keys(value), values: Object.values(value), next: 0 }
}
