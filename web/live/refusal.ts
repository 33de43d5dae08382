/** A wrong value of an input, and the fields that lead to it. */
export interface Issue {
  readonly path: readonly string[]
  readonly message: string
}

type Member = { __typename: string; message?: string; issues?: readonly Issue[] }

/** Values of an input were refused, each for its own reason: they belong beside the controls of these values. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly issues: readonly Issue[]

  constructor(message: string, issues: readonly Issue[]) {
    super(message)
    this.issues = issues
  }
}

/**
 * The member of a result union that was asked for.
 * @throws Refusal for a ValidationError whose issues were asked for, and an Error with the message of any other member
 */
export function accept<Union extends Member, Name extends Union['__typename']>(
  result: Union,
  name: Name,
): Extract<Union, { __typename: Name }> {
  if (result.__typename === name) return result as Extract<Union, { __typename: Name }>
  const message = result.message ?? `The server answered with ${result.__typename}.`
  throw result.issues === undefined ? new Error(message) : new Refusal(message, result.issues)
}

/** What is wrong with a value: with the field that a path leads to, or with one within it. */
export function problemsOf(error: Error | null, ...path: readonly string[]): readonly string[] {
  if (!(error instanceof Refusal)) return []
  return error.issues
    .filter((issue) => path.every((name, i) => issue.path[i] === name))
    .map((issue) => [...issue.path.slice(path.length), issue.message].join(': '))
}

/** What no control of a form is to blame for: the error itself, or issues of fields that the form does not have. */
export function otherProblem(error: Error | null, shown: readonly string[]): string | null {
  if (error === null) return null
  if (!(error instanceof Refusal)) return error.message
  const others = error.issues.filter(({ path }) => !shown.includes(path[0] ?? ''))
  return others.length === 0
    ? null
    : others.map(({ path, message }) => `${path.join('.')}: ${message}`).join(' ')
}
