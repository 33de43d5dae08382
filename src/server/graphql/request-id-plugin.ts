import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { traceIdOf } from '../../ports/tracing.ts'
import type { Context } from '../../schema/builder/context.ts'
import { operationIdOf, type ServerContext } from './server-context.ts'

/** Of which operation an error is: what masks and logs errors is told of nothing but them. */
const operations = new WeakMap<object, Noted>()

/** What an operation is called, and its trace where there is one. */
export interface Noted {
  requestId: string
  traceId?: string
}

export function noteOperation(
  error: unknown,
  of: Pick<ServerContext, 'req' | 'operation'> & Pick<Context, 'traceparent'>,
): void {
  if (typeof error !== 'object' || error === null) return
  operations.set(error, { requestId: operationIdOf(of), ...traceIdOf(of.traceparent) })
}

/** Of the operation that the error is of; undefined where that was not noted. */
export function noted(error: unknown): Noted | undefined {
  return typeof error === 'object' && error !== null ? operations.get(error) : undefined
}

/** Notes of each error which operation it is of. Those of events are noted where these are executed. */
export function requestIdPlugin(): Plugin<ServerContext> {
  const note = (result: ExecutionResult, of: ServerContext) =>
    result.errors?.forEach((error) => void noteOperation(error, of))
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result }) {
        if (!isAsyncIterable(result)) note(result, args.contextValue)
      },
    }),
    onSubscribe: ({ args }) => ({
      onSubscribeResult({ result }) {
        if (!isAsyncIterable(result)) note(result, args.contextValue)
      },
      onSubscribeError: ({ error }) => noteOperation(error, args.contextValue),
    }),
  }
}
