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
import { anyoneOf } from '../../access/viewer.ts'
import type { Context } from '../../schema/builder/context.ts'
import { TOLD_AS_VALUES } from '../../schema/builder/told-as-values.ts'
import { noteOperation } from './request-id-plugin.ts'
import type { ServerContext } from './server-context.ts'

/** Of the JSON of all results that are kept for those who come to their event later; its bytes are as many again. */
const MAX_CHARACTERS = 8 * 2 ** 20

/** A result that is its JSON and nothing else: what it was made of is gone, and costs whoever collects it no second look. */
export class SharedResult implements ExecutionResult {
  declare readonly errors: undefined
  readonly #json: string
  #bytes: Buffer | undefined

  constructor(result: ExecutionResult) {
    this.#json = JSON.stringify(result)
  }

  /** Yoga asks a result for it, and not as a method. */
  readonly stringify = (): string => this.#json

  /** Made once, however many are sent it. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(this.#json)
    return this.#bytes
  }
}

/**
 * Executes an event once for all subscriptions that ask the same of it: those of one role with the same operation, but
 * for the arguments of its root field. These choose the events, and each subscriber follows its own stream of them, as
 * slowly as it likes: what is shared is the event, wherever it is met, and so what was made of it.
 *
 * That holds for fields whose events are TOLD_AS_VALUES. Others are executed for each subscriber when it takes them.
 */
export function sharedExecutionPlugin(
  contextOf: (request: ServerContext['req']) => Context,
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
        const audience = audienceOf(args, operation, contextOf((args.contextValue as ServerContext).req))
        return resultsOf(
          events[Symbol.asyncIterator](),
          audience,
          operation,
          args.contextValue as ServerContext,
        )
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
  context: ServerContext,
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
          const executed = execute(value)
          const result = executed instanceof Promise ? await executed : executed
          return { done: false, value: result.errors === undefined ? result : ownErrors(result, context) }
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

/** What is shared with others fails for each in an operation of its own. */
function ownErrors(result: ExecutionResult, context: ServerContext): ExecutionResult {
  const errors = result.errors!.map((error) => {
    const own = new GraphQLError(error.message, error)
    noteOperation(own, context)
    return own
  })
  return { ...result, errors }
}

function createAudiences() {
  const audiences = new Map<string, Audience>()
  const results = createResults()
  return (args: ExecutionArgs, operation: OperationDefinitionNode, context: Context): Audience => {
    const field = rootField(operation)
    if (field === undefined || !isToldAsValues(args.schema, field)) return single(args)
    // What an event says depends on what its reader may, and not on who that is.
    const { role } = context.viewer
    const key = `${role}\n${keyOf(args, operation, field)}`
    let audience = audiences.get(key)
    if (audience === undefined) {
      const anyone = { ...context, viewer: anyoneOf(role), quota: undefined }
      audience = createAudience(args, anyone, results, () => audiences.delete(key))
      audiences.set(key, audience)
    }
    return audience
  }
}

/** A subscriber of its own. */
function single(args: ExecutionArgs): Audience {
  const contextValue: Context = { ...(args.contextValue as Context), isEvent: true }
  return {
    join: () => () => {},
    execute: (event) => asJson(execute({ ...args, rootValue: event, contextValue })),
  }
}

type Result = ExecutionResult | Promise<ExecutionResult>

function createAudience(
  { schema, document, operationName, variableValues }: ExecutionArgs,
  context: Context,
  results: Results,
  onEmpty: () => void,
): Audience {
  let members = 0
  // A context of its own each time: resolvers keep there what they have read, and it is not this subscriber's request.
  const run = (event: object) =>
    execute({
      schema,
      document,
      operationName,
      variableValues,
      rootValue: event,
      contextValue: { ...context, isEvent: true } satisfies Context,
    })
  const audience: Audience = {
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
      const known = results.find(event, audience)
      if (known !== undefined) return known
      const result = asJson(run(event))
      if (members > 1) results.keep(event, audience, result)
      return result
    },
  }
  return audience
}

/** Errors are each client's own: its protocol has them masked and stripped. */
function asJson(result: ExecutionResult | PromiseLike<ExecutionResult>): Result {
  if ('then' in result) return Promise.resolve(result).then(asJson)
  return result.errors === undefined ? new SharedResult(result) : result
}

/** What was made of events for audiences. */
interface Results {
  find(event: object, audience: Audience): Result | undefined
  /** Until its event is gone; when all together become too many, the oldest are forgotten before. */
  keep(event: object, audience: Audience, result: Result): void
}

function createResults(): Results {
  // One table for all audiences: each entry whose key may die costs the collector a look of its own.
  const all = new WeakMap<object, Map<Audience, Result>>()
  const kept = new Set<{ ofEvent: Map<Audience, Result>; audience: Audience; length: number }>()
  let characters = 0

  function count(ofEvent: Map<Audience, Result>, audience: Audience, result: ExecutionResult): void {
    if (!(result instanceof SharedResult)) return
    const { length } = result.stringify()
    kept.add({ ofEvent, audience, length })
    characters += length
    for (const oldest of kept) {
      if (characters <= MAX_CHARACTERS) return
      kept.delete(oldest)
      characters -= oldest.length
      oldest.ofEvent.delete(oldest.audience)
    }
  }

  return {
    find: (event, audience) => all.get(event)?.get(audience),
    keep(event, audience, result) {
      let ofEvent = all.get(event)
      if (ofEvent === undefined) {
        ofEvent = new Map()
        all.set(event, ofEvent)
      }
      ofEvent.set(audience, result)
      if (result instanceof Promise) {
        // That it failed is told to those who wait for it.
        result.then(
          (it) => count(ofEvent, audience, it),
          () => {},
        )
      } else count(ofEvent, audience, result)
    },
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
