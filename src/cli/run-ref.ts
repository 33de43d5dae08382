import type { Client } from '../client/client.ts'
import { graphql } from '../client/graphql.ts'
import { Failure } from './command.ts'

const BY_NUMBER = graphql(`
  query RunByNumber($number: Int!) {
    trainingRun(number: $number) { id }
  }
`)

/** The greatest Int of GraphQL: no run has a number beyond. */
const MAX_NUMBER = 2 ** 31 - 1

/** The id of a run by its number; an id stays what it is. @throws Failure when no run has the number */
export async function runIdOf(client: Client, ref: string): Promise<string> {
  if (!/^#?\d+$/.test(ref)) return ref
  const number = Number(ref.replace('#', ''))
  const { trainingRun } =
    number > MAX_NUMBER ? { trainingRun: null } : await client.query(BY_NUMBER, { number })
  if (trainingRun === null) throw noSuchRun(`#${number}`)
  return trainingRun.id
}

export function noSuchRun(ref: string): Failure {
  return new Failure(`There is no run ${ref}. vggzoo runs lists those that there are.`)
}
