import { type GraphQLSchema, getOperationAST, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql'
import { demandRole, mayAs, type Viewer } from '../../access/viewer.ts'
import { neededRole } from '../../schema/builder/rules.ts'
import { documentIn } from './operations-part.ts'

/**
 * Refuses the operation of a request with files before they are received, where its viewer may not ask for it.
 * @param operations  the part of this name
 * @param onRefused  told of a mutation before it throws
 * @throws ForbiddenError. What is no operation at all is refused when its files are here.
 */
export function demandRights(
  schema: GraphQLSchema,
  operations: object,
  viewer: Viewer,
  onRefused: (mutation: string) => void,
): void {
  const document = documentIn(operations)
  if (document === null) return
  const operation = getOperationAST(document, (operations as { operationName?: string }).operationName)
  if (operation == null) return
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]
  const types = new TypeInfo(schema)
  const definitions = document.definitions.filter(
    (it) => it === operation || it.kind === Kind.FRAGMENT_DEFINITION,
  )
  const visitor = visitWithTypeInfo(types, {
    Field() {
      const field = types.getFieldDef()
      const isRoot = roots.some((root) => root === types.getParentType())
      if (!isRoot || field == null || field.name.startsWith('__')) return
      if (!mayAs(viewer, neededRole(field)) && operation.operation === 'mutation') onRefused(field.name)
      demandRole(viewer, neededRole(field))
    },
  })
  for (const definition of definitions) visit(definition, visitor)
}
