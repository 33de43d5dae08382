import { Failure } from './command.ts'

/** What a member of a result union has that is not what was asked for. */
interface Refusal {
  message: string
  issues?: readonly { path: readonly string[]; message: string }[]
}

/** The member of a result union that was asked for. @throws Failure with what another one says */
export function expectOf<
  Result extends { __typename: string } & Partial<Refusal>,
  Name extends Result['__typename'],
>(result: Result, name: Name): Extract<Result, { __typename: Name }> {
  if (result.__typename === name) return result as Extract<Result, { __typename: Name }>
  const { message = `The server answers with a ${result.__typename}.`, issues = [] } = result
  if (issues.length < 2) throw new Failure(message)
  throw new Failure(issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
}
