import type { OutputRef } from '@pothos/core'
import { builder } from './builder.ts'

/** What Pothos' Prisma plugin puts on a page: the count is a function, called when it is selected. */
type Counted = { totalCount?: (() => number | Promise<number>) | number }

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
          description: 'How many there are on all pages; counted only when selected.',
          // Tells the Prisma plugin to count without loading a page when nothing else is selected.
          extensions: { pothosPrismaTotalCount: true },
          resolve: (page) => {
            const { totalCount } = page as Counted
            return typeof totalCount === 'function' ? totalCount() : (totalCount as number)
          },
        }),
      }),
    },
    { name: `${name}Edge`, description: `A place on a page of ${name} objects.` },
  )
  return connection as never
}
