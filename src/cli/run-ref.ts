import type { Client } from '../client/client.ts'
import { OperationError } from '../client/errors.ts'
import { graphql } from '../client/graphql.ts'
import { Failure } from './command.ts'

const RUN = graphql(`
  query RunOfRef($id: ID, $number: Int) {
    trainingRun(id: $id, number: $number) { id }
  }
`)

/** The greatest Int of GraphQL: no run has a number beyond. */
const MAX_NUMBER = 2 ** 31 - 1

/** The id of a run by its number, or by that id. @throws Failure when there is none */
export async function runIdOf(client: Client, ref: string): Promise<string> {
  if (!/^#?\d+$/.test(ref)) return idOf(client, ref)
  const number = Number(ref.replace('#', ''))
  const { trainingRun } = number > MAX_NUMBER ? { trainingRun: null } : await client.query(RUN, { number })
  if (trainingRun === null) throw noSuchRun(`#${number}`)
  return trainingRun.id
}

async function idOf(client: Client, ref: string): Promise<string> {
  try {
    const { trainingRun } = await client.query(RUN, { id: ref })
    if (trainingRun !== null) return trainingRun.id
  } catch (error) {
    // It is the id of something else, or none.
    if (!(error instanceof OperationError) || error.code !== 'BAD_USER_INPUT') throw error
  }
  throw noSuchRun(`"${ref}"`)
}

export function noSuchRun(ref: string): Failure {
  return new Failure(
    `There is no run ${ref}. Name one by its number or its id: vggzoo runs lists those that there are.`,
  )
}
