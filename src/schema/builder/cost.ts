import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type ExecutionArgs, getOperationAST, Kind } from 'graphql'
import { LIMITS } from './limits.ts'

/**
 * What an operation costs, as its complexity is counted, and no more than one may. What is wrong with it is told when it is
 * executed, and costs nothing.
 */
export function costOf({ schema, document, operationName, variableValues }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return 0
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  try {
    const { complexity } = complexityFromQuery(
      { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
      { schema, variables: variableValues ?? {} },
    )
    return Math.min(complexity, LIMITS.complexity)
  } catch {
    return 0
  }
}
