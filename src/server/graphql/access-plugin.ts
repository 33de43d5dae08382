import type { Plugin } from 'graphql-yoga'
import { TooManyRequestsError, UnauthenticatedError } from '../../errors.ts'
import { codedError } from '../../schema/builder/errors.ts'
import { apiError } from '../../schema/builder/input-error.ts'
import type { Gate } from '../access/gate.ts'
import type { ServerContext } from './server-context.ts'

/**
 * Lets in whose token is valid, and who has not had too much, before a body is read. Over WebSocket the first has happened
 * when a connection was made.
 */
export function accessPlugin(gate: Gate): Plugin<object, ServerContext> {
  return {
    onRequestParse({ serverContext: { req, res } }) {
      try {
        gate.admit(req, res)
        gate.quotaOf(req)?.operation()
      } catch (error) {
        if (error instanceof TooManyRequestsError) throw codedError(error)
        if (!(error instanceof UnauthenticatedError)) throw error
        const refusal = apiError('UNAUTHENTICATED', error.message)
        Object.assign(refusal.extensions.http!, { headers: { 'www-authenticate': 'Bearer' } })
        throw refusal
      }
    },
  }
}
