import type { Client } from '../client/client.ts'
import { graphql } from '../client/graphql.ts'
import { Failure } from './command.ts'

const PAGE = 100
const NUMBERS = graphql(`
  query RunNumbers($first: Int!, $after: String) {
    trainingRuns(first: $first, after: $after) {
      edges { cursor node { id number } }
      pageInfo { hasNextPage }
    }
  }
`)

/** The id of a run by its number; an id stays what it is. @throws Failure when no run has the number */
export async function runIdOf(client: Client, ref: string): Promise<string> {
  if (!/^#?\d+$/.test(ref)) return ref
  const wanted = Number(ref.replace('#', ''))
  for (let after: string | undefined; ; ) {
    const { trainingRuns } = await client.query(NUMBERS, { first: PAGE, after })
    const { edges, pageInfo } = trainingRuns
    const found = edges.find(({ node }) => node.number === wanted)
    if (found !== undefined) return found.node.id
    // Newest first.
    const last = edges.at(-1)
    if (!pageInfo.hasNextPage || last === undefined || last.node.number < wanted) {
      throw new Failure(`There is no run #${wanted}. vggzoo runs lists those that there are.`)
    }
    after = last.cursor
  }
}

export function noSuchRun(ref: string): Failure {
  return new Failure(`There is no run "${ref}". vggzoo runs lists those that there are.`)
}
