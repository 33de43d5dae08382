/** A failure that is no member of a result union: those are values, and nothing throws them. */
export abstract class ClientError extends Error {
  abstract readonly code: string
}

/**
 * No answer came that a GraphQL server gives: nobody listens there (UNREACHABLE), or somebody else does (NOT_GRAPHQL).
 * What was asked for may have been done.
 */
export class TransportError extends ClientError {
  override readonly name = 'TransportError'
  readonly code: 'UNREACHABLE' | 'NOT_GRAPHQL'

  constructor(code: TransportError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** An error in an answer of the server, as GraphQL writes it. */
export interface GraphQLErrorLike {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: { readonly code?: string; readonly [key: string]: unknown }
}

/** The server refused an operation, or a part of it failed. `code` is that of its first error. */
export class OperationError extends ClientError {
  override readonly name = 'OperationError'
  readonly code: string
  readonly errors: readonly GraphQLErrorLike[]
  /** What it answered all the same: null stands where an error has its path. */
  readonly data: unknown

  constructor(errors: readonly GraphQLErrorLike[], data: unknown = null) {
    super(errors.map((error) => error.message).join('\n'))
    this.code = errors[0]?.extensions?.code ?? 'UNKNOWN'
    this.errors = errors
    this.data = data
  }
}

/** The client was disposed of: what it had under way has ended. */
export class DisposedError extends ClientError {
  override readonly name = 'DisposedError'
  readonly code = 'DISPOSED'

  constructor() {
    super('The client was disposed of. Make another one to go on.')
  }
}
