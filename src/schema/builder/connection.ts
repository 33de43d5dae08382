import type { OutputRef } from '@pothos/core'
import { queryFromInfo } from '@pothos/plugin-prisma'
import { resolveCursorConnection } from '@pothos/plugin-relay'
import type { GraphQLResolveInfo } from 'graphql'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { badInput } from './input-error.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './page-limits.ts'

/**
 * One connection type for each type of node, whatever fields lead to it: TrainingRunConnection and TrainingRunEdge.
 * Left to Pothos, each field would have one of its own.
 * @param edge  the type of its edges, where that is there already
 */
export function connectionOf(ref: OutputRef<unknown>, name: string, edge: object = edgeOptions(name)) {
  const connection = builder.connectionObject(
    {
      type: ref as never,
      name: `${name}Connection`,
      description: `A page of ${name} objects.`,
      fields: (t) => ({
        totalCount: t.int({
          description: 'Number of objects on all pages; counted only when selected.',
          // Pothos does not know what the resolvers of pages (below) add to them.
          resolve: (page) => (page as unknown as { totalCount(): number | Promise<number> }).totalCount(),
        }),
      }),
    },
    edge as never,
  )
  return connection as never
}

/** Of its edges, for who makes them a type that other fields have, too. */
export function edgeOptions<Name extends string>(name: Name) {
  return { name: `${name}Edge`, description: `One ${name} of a page, with its cursor.` }
}

type Order = 'asc' | 'desc'

/** Places of a list in its order: `after` and `before` are left out of it, `from` and `to` are not. */
export interface Stretch<Key> {
  after?: Key
  before?: Key
  from?: Key
  to?: Key
}

/** Keys between two others, both left out. */
export interface KeyRange {
  gt?: number
  lt?: number
}

interface PageArgs {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
}

interface Asked {
  args: PageArgs
  info: GraphQLResolveInfo
  /** Of a list that each parent has one of: which parent. */
  of?: string
}

/** A list in the order of a key that each of its objects has, and no two at once. */
interface Listed<Node, Key> {
  keyOf(node: Node): Key
  /** Whether what a cursor holds can be a key of the list. */
  isKey(value: unknown): value is Key
  /** The first so many of a stretch; the last so many, from behind, with `backward`. */
  read(stretch: Stretch<Key>, backward: boolean, take: number): Promise<readonly Node[]>
  has(stretch: Stretch<Key>): Promise<boolean>
  count(): number | Promise<number>
}

/** The same where the key is a whole number that never changes and comes back to no other object. */
interface Keyed<Node> {
  order: Order
  keyOf(node: Node): number
  /** The first so many with a key in the range. */
  read(range: KeyRange, order: Order, take: number): Promise<readonly Node[]>
  has(range: KeyRange): Promise<boolean>
  count(): number | Promise<number>
}

/**
 * A page by Relay's Cursor Connections Specification. A cursor is the key of the place behind which a page begins, and
 * not the object that was there: the page is the same when that object is deleted meanwhile. It costs one query; which
 * side of the page has more is asked only where it is selected and the page itself does not tell.
 */
export function pageIn<Node, Key>({ args, info, of }: Asked, list: Listed<Node, Key>) {
  const name = `${info.parentType.name}.${info.fieldName}${of === undefined ? '' : `/${of}`}`
  const keyIn = (place: 'after' | 'before') => {
    const cursor = args[place]
    return cursor == null ? undefined : readCursor(name, cursor, list.isKey, `${info.fieldName}: ${place}`)
  }
  const [after, before] = [keyIn('after'), keyIn('before')]

  const read = async () => {
    let backward = false
    const { edges, pageInfo } = await resolveCursorConnection<Promise<unknown[]>>(
      {
        args,
        defaultSize: DEFAULT_PAGE,
        maxSize: MAX_PAGE,
        toCursor: (node) => cursorOf(name, list.keyOf(node as Node)),
      },
      ({ limit, inverted }) => {
        backward = inverted
        return list.read({ after, before }, backward, limit) as Promise<unknown[]>
      },
    )
    const isCut = backward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage
    return {
      edges,
      pageInfo: {
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
        // What the cursor itself stands for, if it is still there, lies outside of the page, too.
        get hasPreviousPage() {
          if (backward) return isCut
          return after !== undefined && list.has({ to: after })
        },
        get hasNextPage() {
          if (!backward && (isCut || args.first != null)) return isCut
          return before !== undefined && list.has({ from: before })
        },
      },
    }
  }
  let reading: ReturnType<typeof read> | undefined
  const page = () => (reading ??= read())
  return {
    totalCount: list.count,
    get edges() {
      return page().then(({ edges }) => edges)
    },
    get pageInfo() {
      return page().then(({ pageInfo }) => pageInfo)
    },
  } as never
}

/** A page of a list in the order of a number. */
export function pageOf<Node>(asked: Asked, { order, keyOf, read, has, count }: Keyed<Node>) {
  const forward = order === 'asc'
  const step = forward ? 1 : -1
  const rangeOf = ({ after, before, from, to }: Stretch<number>): KeyRange => {
    const behind = from === undefined ? after : from - step
    const ahead = to === undefined ? before : to + step
    return forward ? { gt: behind, lt: ahead } : { lt: behind, gt: ahead }
  }
  return pageIn<Node, number>(asked, {
    keyOf,
    isKey: isNumber,
    read: (stretch, backward, take) => read(rangeOf(stretch), backward === forward ? 'desc' : 'asc', take),
    has: (stretch) => has(rangeOf(stretch)),
    count,
  })
}

interface RowQuery<Key extends string> {
  where: { [key in Key]: KeyRange }
  orderBy: { [key in Key]: Order }
  take: number
}

/** A page of rows of a table; `find` adds to the query what else the list asks of them. The key is to have an index. */
export function pageOfRows<Key extends string, Row extends { [key in Key]: number }>(
  asked: Asked & { context: Context },
  list: {
    key: Key
    order?: Order
    find(query: RowQuery<Key>): Promise<Row[]>
    count(): Promise<number>
  },
) {
  const { key, order = 'desc', count } = list
  const query = (range: KeyRange, by: Order, take: number) =>
    ({ where: { [key]: range }, orderBy: { [key]: by }, take }) as RowQuery<Key>
  return pageOf<Row>(asked, {
    order,
    keyOf: (row) => row[key],
    async read(range, by, take) {
      return list.find({ ...(await selectionOf(asked, [key])), ...query(range, by, take) })
    },
    async has(range) {
      const found = await list.find({ select: { [key]: true }, ...query(range, order, 1) } as RowQuery<Key>)
      return found.length > 0
    },
    count,
  })
}

/** What a page asks of its rows, as a query of Prisma, and these columns. */
export async function selectionOf(
  { context, info }: { context: Context; info: GraphQLResolveInfo },
  columns: readonly string[],
): Promise<object> {
  return queryFromInfo({
    context,
    info,
    select: Object.fromEntries(columns.map((column) => [column, true])) as never,
    paths: [['edges', 'node']],
    awaitSelections: true,
  })
}

/** The cursor of a place of a list that pageOf makes pages of: for what follows it live. */
export function cursorAt(list: string, place: number): string {
  return cursorOf(list, place)
}

/** What it says. Throws a GraphQLError for what is no cursor of the list. */
export function placeAt(list: string, cursor: string, argument: string): number {
  return readCursor(list, cursor, isNumber, argument)
}

// The columns of keys have 32 bits.
const isNumber = (value: unknown): value is number =>
  Number.isInteger(value) && Math.abs(value as number) < 2 ** 31

function cursorOf(list: string, key: unknown): string {
  return Buffer.from(`${list}:${JSON.stringify(key)}`).toString('base64url')
}

/** @throws a GraphQLError for what is no cursor of the list */
function readCursor<Key>(
  list: string,
  cursor: string,
  isKey: (value: unknown) => value is Key,
  argument: string,
): Key {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const key = parsed(text.slice(list.length + 1))
  if (isKey(key) && cursorOf(list, key) === cursor) return key
  throw badInput(
    `${argument} is not a cursor of this list. Pass a cursor of one of its edges, or of its pageInfo, unchanged.`,
  )
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
