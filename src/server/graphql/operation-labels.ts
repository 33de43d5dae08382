import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FragmentDefinitionNode,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Measurement } from '../../ports/telemetry.ts'
import { oncePerNode } from '../../schema/builder/once-per-node.ts'
import { toClientError } from './client-error.ts'

export type Outcome = Extract<Measurement, { kind: 'operation' }>['outcome']

export function outcomeOf({ errors }: ExecutionResult): Outcome {
  if (errors === undefined || errors.length === 0) return 'answered'
  // Those that are masked already stay so.
  const isFault = errors.some((error) => toClientError(error).extensions.code === 'INTERNAL_SERVER_ERROR')
  return isFault ? 'failed' : 'refused'
}

/** Of a valid document; by the schema's names, of which there are so many: a client may call its operations anything. */
export function labelsOf({ document, operationName }: Pick<ExecutionArgs, 'document' | 'operationName'>) {
  const operation = getOperationAST(document, operationName)
  // There is no operation of the name that was asked for.
  return operation == null
    ? ({ type: 'query', field: 'none' } as const)
    : labelsOfOperation(operation, document)
}

const labelsOfOperation = oncePerNode((operation: OperationDefinitionNode, document: DocumentNode) => {
  const [field = 'none', another] = rootFields(document, operation.selectionSet)
  return { type: operation.operation, field: another === undefined ? field : 'several' }
})

function rootFields(document: DocumentNode, { selections }: SelectionSetNode): Set<string> {
  const fragment = (name: string) =>
    document.definitions.find(
      (it): it is FragmentDefinitionNode => it.kind === Kind.FRAGMENT_DEFINITION && it.name.value === name,
    )!
  return new Set(
    selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection.name.value]
      const { selectionSet } =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragment(selection.name.value)
      return [...rootFields(document, selectionSet)]
    }),
  )
}
