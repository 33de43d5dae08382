import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { operationIdOf, type ServerContext } from './server-context.ts'

/** Of which operation an error is: what masks and logs errors is told of nothing but them. */
const operations = new WeakMap<object, string>()

export function noteOperation(error: unknown, of: Pick<ServerContext, 'req' | 'operation'>): void {
  if (typeof error === 'object' && error !== null) operations.set(error, operationIdOf(of))
}

/** What the operation is called that the error is of; undefined where that was not noted. */
export function noted(error: unknown): string | undefined {
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
