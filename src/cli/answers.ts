import { Failure } from './command.ts'

interface Refusal {
  message: string
  issues?: readonly { path: readonly string[]; message: string }[]
}

/** The member of a result union that was asked for. @throws Failure with what another one says */
export function expectOf<Result extends { __typename: string }, Name extends Result['__typename']>(
  result: Result,
  name: Name,
): Extract<Result, { __typename: Name }> {
  if (result.__typename === name) return result as Extract<Result, { __typename: Name }>
  const { message, issues = [] } = result as unknown as Refusal
  if (issues.length < 2) throw new Failure(message)
  throw new Failure(issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
}
