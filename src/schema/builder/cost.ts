import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
} from 'graphql'
import { LIMITS } from './limits.ts'
import { oncePerNode } from './once-per-node.ts'

/**
 * What an operation costs, as its complexity is counted, and no more than one may. What is wrong with it is told when it is
 * executed, and costs nothing.
 */
export function costOf({ schema, document, operationName, variableValues }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName)
  if (operation == null) return 0
  return operation.variableDefinitions?.length
    ? count(operation, document, schema, variableValues ?? {})
    : costWithoutVariables(operation, document, schema, {})
}

function count(
  operation: OperationDefinitionNode,
  document: DocumentNode,
  schema: GraphQLSchema,
  variables: Record<string, unknown>,
): number {
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  try {
    const { complexity } = complexityFromQuery(
      { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
      { schema, variables },
    )
    return Math.min(complexity, LIMITS.complexity)
  } catch {
    return 0
  }
}

const costWithoutVariables = oncePerNode(count)
