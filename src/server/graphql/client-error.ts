import { GraphQLError } from 'graphql'
import { maskError } from 'graphql-yoga'
import { codedError } from '../../schema/builder/errors.ts'
import { apiError, isErrorCode } from '../../schema/builder/input-error.ts'
import { noted } from './request-id-plugin.ts'

const MASK = 'Unexpected error. The server log says more.'

/**
 * An error as a client sees it: what is unexpected is masked, and all else has a code of the closed list. The errors
 * that come without one (graphql's of variables, Pothos' of ids, yoga's of requests) are about what the client sent.
 */
export function toClientError(error: unknown): GraphQLError {
  const located = error instanceof GraphQLError ? error : null
  const expected = codedError(located === null ? error : located.originalError)
  if (expected !== null) {
    if (located === null) return expected
    Object.assign(located.extensions, expected.extensions)
    return located
  }
  // Never by NODE_ENV: what is masked in production is masked here.
  const seen = maskError(error, MASK, false)
  if (!(seen instanceof GraphQLError)) return new GraphQLError(MASK)
  const requestId = noted(error)?.requestId
  // By it, the log's line is found that says more.
  if (requestId !== undefined && seen.extensions.code === 'INTERNAL_SERVER_ERROR')
    seen.extensions.requestId = requestId
  // In place: yoga takes another object for a sign that the error was masked, and logs it.
  if (!isErrorCode(seen.extensions.code)) seen.extensions.code = 'BAD_USER_INPUT'
  delete seen.extensions.originalError
  return seen
}

/** Without the hints that yoga gives itself in extensions, and takes away only over HTTP. */
export function withoutHints(error: GraphQLError): GraphQLError {
  delete error.extensions.http
  delete error.extensions.unexpected
  return error
}

/** What is wrong with a request before anything of it is executed. */
export function requestError(
  message: string,
  status = 400,
  headers: Readonly<Record<string, string>> = {},
): GraphQLError {
  const error = apiError('BAD_USER_INPUT', message)
  error.extensions.http = { status, headers }
  return error
}
