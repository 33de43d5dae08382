import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FragmentDefinitionNode,
  getOperationAST,
  Kind,
  type SelectionSetNode,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Measurement, Telemetry } from '../../ports/telemetry.ts'
import { toClientError } from './client-error.ts'

type Outcome = Extract<Measurement, { kind: 'operation' }>['outcome']

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

function outcomeOf({ errors }: ExecutionResult): Outcome {
  if (errors === undefined || errors.length === 0) return 'answered'
  // Those that are masked already stay so.
  const isFault = errors.some((error) => toClientError(error).extensions.code === 'INTERNAL_SERVER_ERROR')
  return isFault ? 'failed' : 'refused'
}

/** Of a valid document; by the schema's names, of which there are so many: a client may call its operations anything. */
function labelsOf({ document, operationName }: Pick<ExecutionArgs, 'document' | 'operationName'>) {
  const operation = getOperationAST(document, operationName)
  // There is no operation of the name that was asked for.
  if (operation == null) return { type: 'query', field: 'none' } as const
  const [field = 'none', another] = rootFields(document, operation.selectionSet)
  return { type: operation.operation, field: another === undefined ? field : 'several' }
}

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
