import {
  type DirectiveNode,
  type DocumentNode,
  GraphQLError,
  Kind,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { ErrorCode } from '../../schema/builder/input-error.ts'

/**
 * Refuses subscriptions that choose by @skip or @include whether they have a field (GraphQL, September 2025, 5.2.4.1).
 * Without one there is nothing to subscribe to, of which graphql-js makes a TypeError.
 */
export function subscriptionPlugin(): Plugin {
  return {
    onValidate({ params: { documentAST }, setResult }) {
      const conditions = rootConditions(documentAST)
      if (conditions.length === 0) return
      const message =
        'The field of a subscription cannot have @skip or @include. Put them on what is selected of it, or do not subscribe.'
      const extensions = { code: 'GRAPHQL_VALIDATION_FAILED' satisfies ErrorCode }
      setResult([new GraphQLError(message, { nodes: conditions, extensions })])
    },
  }
}

/** Of the fields of all subscriptions, also where fragments lead to them. The document may be invalid. */
function rootConditions({ definitions }: DocumentNode): DirectiveNode[] {
  const found = new Set<DirectiveNode>()
  const seen = new Set<SelectionSetNode>()
  function look(selectionSet: SelectionSetNode): void {
    if (seen.has(selectionSet)) return
    seen.add(selectionSet)
    for (const selection of selectionSet.selections) {
      for (const directive of selection.directives ?? [])
        if (['skip', 'include'].includes(directive.name.value)) found.add(directive)
      if (selection.kind === Kind.INLINE_FRAGMENT) look(selection.selectionSet)
      if (selection.kind !== Kind.FRAGMENT_SPREAD) continue
      for (const definition of definitions)
        if (definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === selection.name.value)
          look(definition.selectionSet)
    }
  }
  for (const definition of definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    if (definition.operation === OperationTypeNode.SUBSCRIPTION) look(definition.selectionSet)
  }
  return [...found]
}
