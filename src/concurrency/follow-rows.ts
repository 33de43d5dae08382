import { newestOfEach } from './iterate.ts'
import type { SharedReads } from './shared-reads.ts'

export interface FollowedRows<Row> {
  /** Reads in common with all who follow the same rows, and what names these. */
  shared?: { reads: SharedReads; topic: string }
  /** Calls `look` when there may be more rows; answers what ends that. */
  subscribe(look: () => void): () => void
  /** Up to `limit` rows after a place, in order. */
  read(after: number, limit: number): Promise<Row[]>
  placeOf(row: Row): number
  /** Whether no row can come any more after those that are there now; never, when left out. */
  isOver?(): Promise<boolean>
}

/** Rows read at once: a slow subscriber holds no more than these. */
const PAGE = 100

/**
 * The rows of a table after a place, then those to come, each once and in order.
 *
 * Every row comes from the table. What is live is only the word that there are more, which is the same word however
 * often it was given: a subscriber costs one page, however slow it is, and no row can be missed or sent twice.
 */
export function followRows<Row>(
  { shared, subscribe, read, placeOf, isOver }: FollowedRows<Row>,
  after: number,
  limit: number = PAGE,
): AsyncIterableIterator<Row> {
  const words = newestOfEach((listener) => {
    const look = () => {
      shared?.reads.renew(shared.topic)
      listener('rows')
    }
    const detach = subscribe(look)
    // What is there already.
    look()
    return detach
  })

  async function* rows(): AsyncGenerator<Row, undefined> {
    let place = after
    for await (const _ of words) {
      for (;;) {
        // Read before the rows: what is over here has written its last already.
        const over = (await isOver?.()) ?? false
        const from = place
        const readPage = () => read(from, limit)
        const page = await (shared?.reads.read(shared.topic, `${from}:${limit}`, readPage) ?? readPage())
        for (const row of page) {
          yield row
          place = placeOf(row)
        }
        if (page.length === limit) continue
        if (over) return undefined
        break
      }
    }
  }

  const generator = rows()
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      try {
        const result = await generator.next()
        if (result.done) await words.return?.()
        return result
      } catch (error) {
        await words.return?.()
        throw error
      }
    },
    async return() {
      // First, as a generator that waits for a word hears of return() only when that wait ends.
      await words.return?.()
      return generator.return(undefined)
    },
  }
}
