import { type ExecutionArgs, type ExecutionResult, getOperationAST } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import type { Span, Tracing } from '../../ports/tracing.ts'
import type { Context } from '../../schema/builder/context.ts'
import { labelsOf, outcomeOf } from './operation-labels.ts'
import { operationIdOf, type ServerContext } from './server-context.ts'

/** Of the name that a client gives its operation. */
const MAX_NAME = 128

type Traced = ServerContext & Pick<Context, 'traceparent'>

/**
 * A span for each operation that is executed, by OpenTelemetry's conventions for GraphQL servers
 * (https://opentelemetry.io/docs/specs/semconv/graphql), as part of the trace of who sent it. That of a subscription
 * ends when its stream is there: one that is open for days would be seen only after them.
 */
export function tracingPlugin(tracing: Tracing): Plugin<Traced> {
  function begin(
    args: ExecutionArgs,
    extendContext: (extension: Pick<Context, 'traceparent'>) => void,
  ): Span {
    const sent = args.contextValue as Traced & YogaInitialContext
    const { type, field } = labelsOf(args)
    const name = getOperationAST(args.document, args.operationName)?.name?.value
    const span = tracing.begin(`${type} ${field}`, {
      kind: 'server',
      parent: parentOf(sent),
      attributes: {
        'graphql.operation.type': type,
        ...(name !== undefined && { 'graphql.operation.name': name.slice(0, MAX_NAME) }),
        'vggzoo.request_id': operationIdOf(sent),
      },
    })
    extendContext({ traceparent: span.traceparent })
    return span
  }

  return {
    onExecute({ args, extendContext }) {
      const span = begin(args, extendContext)
      return {
        onExecuteDone({ result }) {
          if (!isAsyncIterable(result)) end(span, result)
        },
      }
    },
    onSubscribe({ args, extendContext }) {
      const span = begin(args, extendContext)
      return {
        onSubscribeResult({ result }) {
          end(span, isAsyncIterable(result) ? {} : result)
        },
      }
    },
  }
}

/** Over WebSocket no operation has headers of its own. */
function parentOf({ req, params }: Traced & YogaInitialContext): string | undefined {
  const { traceparent } = Object(params.extensions) as { traceparent?: unknown }
  if (typeof traceparent === 'string') return traceparent
  const header = req.headers.traceparent
  return typeof header === 'string' ? header : undefined
}

function end(span: Span, result: ExecutionResult): void {
  const outcome = outcomeOf(result)
  span.set({ 'vggzoo.outcome': outcome })
  if (outcome === 'failed') {
    const error =
      result.errors!.find((it) => it.extensions.code === 'INTERNAL_SERVER_ERROR') ?? result.errors![0]
    // What is masked for who asked is for who runs the server.
    span.fail('INTERNAL_SERVER_ERROR', (error?.originalError ?? error)?.message ?? '')
  }
  span.end()
}
