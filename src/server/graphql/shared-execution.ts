import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute,
  type FieldNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  print,
  visit,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Context } from '../../schema/builder/context.ts'
import { TOLD_AS_VALUES } from '../../schema/builder/told-as-values.ts'
import type { ServerContext } from './server-context.ts'

/** Of the JSON of all results that are kept for those who come to their event later. What it was made of is about as large. */
const MAX_CHARACTERS = 16 * 2 ** 20

/** A result whose JSON is made once, however many are sent it. Yoga asks a result for it, too. */
export type SharedResult = ExecutionResult & { readonly stringify: () => string }

export function isShared(result: ExecutionResult): result is SharedResult {
  return 'stringify' in result
}

/**
 * Executes an event once for all subscriptions that ask the same of it: those of one viewer with the same operation, but
 * for the arguments of its root field. These choose the events, and each subscriber follows its own stream of them, as
 * slowly as it likes: what is shared is the event, wherever it is met, and so what was made of it.
 *
 * That holds for fields whose events are TOLD_AS_VALUES. Others are executed for each subscriber when it takes them.
 */
export function sharedExecutionPlugin(
  viewerOf: (request: ServerContext['req']) => Context,
): Plugin<ServerContext> {
  const audienceOf = createAudiences()
  return {
    onSubscribe({ subscribeFn, setSubscribeFn }) {
      setSubscribeFn(async (args: ExecutionArgs) => {
        const operation = getOperationAST(args.document, args.operationName)!
        const { errors } = getVariableValues(
          args.schema,
          operation.variableDefinitions ?? [],
          args.variableValues ?? {},
        )
        // How it tells of these is the executor's affair.
        if (errors !== undefined) return subscribeFn(args)
        const events = await createSourceEventStream(args)
        if (!isAsyncIterable(events)) return events
        const audience = audienceOf(args, operation, viewerOf((args.contextValue as ServerContext).req))
        return resultsOf(events[Symbol.asyncIterator](), audience, operation)
      })
    },
  }
}

/** Those who ask the same. */
interface Audience {
  /** @returns leaves again */
  join(): () => void
  execute(event: unknown): ExecutionResult | Promise<ExecutionResult>
}

function resultsOf(
  events: AsyncIterator<unknown>,
  { join, execute }: Audience,
  operation: OperationDefinitionNode,
): AsyncIterableIterator<ExecutionResult> {
  const leave = join()
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      try {
        const { done, value } = await events.next()
        if (!done) {
          const result = execute(value)
          return { done: false, value: result instanceof Promise ? await result : result }
        }
      } catch (error) {
        await this.return!()
        throw new GraphQLError((error as Error).message, { nodes: operation, originalError: error as Error })
      }
      leave()
      return { done: true, value: undefined }
    },
    async return() {
      leave()
      await events.return?.()
      return { done: true, value: undefined }
    },
  }
}

function createAudiences() {
  const audiences = new WeakMap<Context, Map<string, Audience>>()
  const keep = createKeeper()
  return (args: ExecutionArgs, operation: OperationDefinitionNode, viewer: Context): Audience => {
    const field = rootField(operation)
    if (field === undefined || !isToldAsValues(args.schema, field)) return single(args)
    const key = keyOf(args, operation, field)
    const ofViewer = audiences.get(viewer) ?? new Map<string, Audience>()
    audiences.set(viewer, ofViewer)
    let audience = ofViewer.get(key)
    if (audience === undefined) {
      audience = createAudience(args, viewer, keep, () => ofViewer.delete(key))
      ofViewer.set(key, audience)
    }
    return audience
  }
}

/** A subscriber of its own. */
function single(args: ExecutionArgs): Audience {
  return {
    join: () => () => {},
    execute: (event) => withJson(execute({ ...args, rootValue: event })),
  }
}

type Results = WeakMap<object, ExecutionResult | Promise<ExecutionResult>>

function createAudience(
  { schema, document, operationName, variableValues }: ExecutionArgs,
  viewer: Context,
  keep: Keep,
  onEmpty: () => void,
): Audience {
  let members = 0
  const results: Results = new WeakMap()
  // A context of its own each time: resolvers keep there what they have read, and it is not this subscriber's request.
  const run = (event: object) =>
    execute({
      schema,
      document,
      operationName,
      variableValues,
      rootValue: event,
      contextValue: { ...viewer },
    })
  return {
    join() {
      members += 1
      let isIn = true
      return () => {
        if (!isIn) return
        isIn = false
        members -= 1
        if (members === 0) onEmpty()
      }
    },
    execute(told) {
      const event = told as object
      const known = results.get(event)
      if (known !== undefined) return known
      if (members === 1) return withJson(run(event))
      const result = withJson(run(event), (length) => keep(results, event, length))
      results.set(event, result)
      return result
    },
  }
}

/** @param onMade  hears how many characters it has, when it is made */
function withJson(
  result: ExecutionResult | PromiseLike<ExecutionResult>,
  onMade: (length: number) => void = () => {},
): ExecutionResult | Promise<ExecutionResult> {
  if ('then' in result) return Promise.resolve(result).then((it) => withJson(it, onMade))
  // Errors are each client's own: its protocol has them masked and stripped.
  if (result.errors !== undefined) return result
  let json: string | undefined
  const stringify = () => {
    if (json === undefined) {
      json = JSON.stringify(result)
      onMade(json.length)
    }
    return json
  }
  return Object.defineProperty(result, 'stringify', { value: stringify })
}

type Keep = (results: Results, event: object, characters: number) => void

/** Forgets the oldest results when all together become too many; each is gone with its event at the latest. */
function createKeeper(): Keep {
  const kept = new Set<{ results: Results; event: WeakRef<object>; length: number }>()
  let characters = 0
  return (results, event, length) => {
    kept.add({ results, event: new WeakRef(event), length })
    characters += length
    for (const oldest of kept) {
      if (characters <= MAX_CHARACTERS) return
      kept.delete(oldest)
      characters -= oldest.length
      const its = oldest.event.deref()
      if (its !== undefined) oldest.results.delete(its)
    }
  }
}

/** Undefined where it stands in a fragment. */
function rootField({ selectionSet: { selections } }: OperationDefinitionNode): FieldNode | undefined {
  const [selection, another] = selections
  return another === undefined && selection?.kind === Kind.FIELD ? selection : undefined
}

function isToldAsValues(schema: GraphQLSchema, { name }: FieldNode): boolean {
  const { extensions } = schema.getSubscriptionType()!.getFields()[name.value]!
  return Object.keys(TOLD_AS_VALUES).every((key) => key in extensions)
}

/** Of an operation without the arguments of its root field, and the names of the variables that are left. */
const bare = new WeakMap<OperationDefinitionNode, { text: string; variables: readonly string[] }>()

/** What is the same for all of an audience. */
function keyOf(
  { document, variableValues }: ExecutionArgs,
  operation: OperationDefinitionNode,
  field: FieldNode,
): string {
  let known = bare.get(operation)
  if (known === undefined) {
    known = bareOperation(document, operation, field)
    bare.set(operation, known)
  }
  const variables = Object.fromEntries(known.variables.map((name) => [name, variableValues?.[name]]))
  return `${known.text}\n${JSON.stringify(variables)}`
}

function bareOperation(document: DocumentNode, operation: OperationDefinitionNode, field: FieldNode) {
  const selectionSet = { ...operation.selectionSet, selections: [{ ...field, arguments: [] }] }
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  const used = new Set<string>()
  for (const node of [selectionSet, ...fragments])
    visit(node, { Variable: ({ name }) => void used.add(name.value) })
  const variableDefinitions = operation.variableDefinitions?.filter(({ variable }) =>
    used.has(variable.name.value),
  )
  const text = print({
    kind: Kind.DOCUMENT,
    definitions: [{ ...operation, variableDefinitions, selectionSet }, ...fragments],
  })
  return { text, variables: [...used].sort() }
}
