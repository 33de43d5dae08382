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
 */
export function connectionOf(ref: OutputRef<unknown>, name: string) {
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
    { name: `${name}Edge`, description: `One ${name} of a page, with its cursor.` },
  )
  return connection as never
}

type Order = 'asc' | 'desc'

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

/** A list in the order of a key: a whole number that each of its objects has, that never changes and comes back to no other. */
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
export function pageOf<Node>({ args, info, of }: Asked, list: Keyed<Node>) {
  const name = `${info.parentType.name}.${info.fieldName}${of === undefined ? '' : `/${of}`}`
  const keyIn = (place: 'after' | 'before') => {
    const cursor = args[place]
    return cursor == null ? undefined : readCursor(name, cursor, `${info.fieldName}: ${place}`)
  }
  const [after, before] = [keyIn('after'), keyIn('before')]
  const forward = list.order === 'asc'
  const between = (from: number | undefined, to: number | undefined): KeyRange =>
    forward ? { gt: from, lt: to } : { lt: from, gt: to }
  const step = forward ? 1 : -1

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
        const order = backward === forward ? 'desc' : 'asc'
        return list.read(between(after, before), order, limit) as Promise<unknown[]>
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
          return after !== undefined && list.has(between(undefined, after + step))
        },
        get hasNextPage() {
          if (!backward && (isCut || args.first != null)) return isCut
          return before !== undefined && list.has(between(before - step, undefined))
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
      const selection = await queryFromInfo({
        context: asked.context,
        info: asked.info,
        select: { [key]: true } as never,
        paths: [['edges', 'node']],
        awaitSelections: true,
      })
      return list.find({ ...(selection as object), ...query(range, by, take) })
    },
    async has(range) {
      const found = await list.find({ select: { [key]: true }, ...query(range, order, 1) } as RowQuery<Key>)
      return found.length > 0
    },
    count,
  })
}

function cursorOf(list: string, key: number): string {
  return Buffer.from(`${list}:${key}`).toString('base64url')
}

/** @throws a GraphQLError for what is no cursor of the list */
function readCursor(list: string, cursor: string, argument: string): number {
  const text = Buffer.from(cursor, 'base64url').toString('utf8')
  const key = Number(text.slice(list.length + 1))
  // The columns of keys have 32 bits.
  if (!Number.isInteger(key) || Math.abs(key) >= 2 ** 31 || cursorOf(list, key) !== cursor) {
    throw badInput(
      `${argument} is not a cursor of this list. Pass a cursor of one of its edges, or of its pageInfo, unchanged.`,
    )
  }
  return key
}
