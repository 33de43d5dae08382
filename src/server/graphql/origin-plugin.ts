import { getOperationAST, OperationTypeNode } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Context } from '../../schema/builder/context.ts'
import type { ClientAddress } from '../client-address.ts'
import { operationIdOf, type ServerContext } from './server-context.ts'

/** Tells mutations where they are from, for the audit log. Others are not told: nobody asks them. */
export function originPlugin(addressOf: ClientAddress): Plugin<ServerContext & Pick<Context, 'origin'>> {
  return {
    onExecute({ args, extendContext }) {
      const operation = getOperationAST(args.document, args.operationName)
      if (operation?.operation !== OperationTypeNode.MUTATION) return
      const asked = args.contextValue
      extendContext({ origin: { requestId: operationIdOf(asked), address: addressOf(asked.req) } })
    },
  }
}
