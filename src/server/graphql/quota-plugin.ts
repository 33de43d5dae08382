import type { ExecutionArgs } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Context } from '../../schema/builder/context.ts'
import { costOf } from '../../schema/builder/cost.ts'
import { codedError } from '../../schema/builder/errors.ts'
import type { ServerContext } from './server-context.ts'

/**
 * Counts what operations cost, and the subscriptions that are open, for whoever asks. Whether they may ask at all was seen
 * before, when there was nothing but a request. An event of a subscription is no operation, and costs nothing.
 */
export function quotaPlugin(): Plugin<Context, ServerContext> {
  const count = (args: ExecutionArgs) => (args.contextValue as Context).quota?.cost(() => costOf(args))
  return {
    onExecute: ({ args }) => count(args),
    onSubscribe({ args, setResultAndStopExecution }) {
      count(args)
      let leave: (() => void) | undefined
      try {
        leave = (args.contextValue as Context).quota?.subscription()
      } catch (error) {
        const refusal = codedError(error)
        if (refusal === null) throw error
        return setResultAndStopExecution({ errors: [refusal] })
      }
      if (leave === undefined) return
      return {
        onSubscribeResult({ result }) {
          if (!isAsyncIterable(result)) return leave()
          return { onEnd: leave }
        },
        // A stream that fails has no other end.
        onSubscribeError: leave,
      }
    },
  }
}
