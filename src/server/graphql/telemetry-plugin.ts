import type { ExecutionArgs, ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Telemetry } from '../../ports/telemetry.ts'
import { labelsOf, outcomeOf } from './operation-labels.ts'

/** Measures every operation, however it came, and how long subscriptions stay open. */
export function telemetryPlugin(telemetry: Telemetry): Plugin {
  const refused = (began: number) =>
    telemetry.record({ kind: 'operation', type: null, field: null, outcome: 'refused', ms: since(began) })

  const answered = (args: ExecutionArgs, result: ExecutionResult, began: number) =>
    telemetry.record({ kind: 'operation', ...labelsOf(args), outcome: outcomeOf(result), ms: since(began) })

  return {
    onParse() {
      const began = performance.now()
      return ({ result }) => {
        if (result instanceof Error) refused(began)
      }
    },
    onValidate({ validateFn, setValidationFn }) {
      const began = performance.now()
      // Some of the limits throw.
      setValidationFn((...args) => {
        try {
          return validateFn(...args)
        } catch (error) {
          refused(began)
          throw error
        }
      })
      return ({ valid }) => {
        if (!valid) refused(began)
      }
    },
    onExecute({ args }) {
      const began = performance.now()
      return {
        onExecuteDone({ result }) {
          if (!isAsyncIterable(result)) answered(args, result, began)
        },
      }
    },
    onSubscribe({ args }) {
      const began = performance.now()
      let end = () => {}
      return {
        onSubscribeResult({ result }) {
          if (!isAsyncIterable(result)) return answered(args, result, began)
          answered(args, {}, began)
          const { field } = labelsOf(args)
          telemetry.record({ kind: 'subscriptionOpened', field })
          end = () => {
            end = () => {}
            telemetry.record({ kind: 'subscriptionEnded', field, openMs: since(began) })
          }
          return { onEnd: () => end() }
        },
        // A stream that fails has no other end.
        onSubscribeError: () => end(),
      }
    },
  }
}

const since = (began: number) => performance.now() - began
