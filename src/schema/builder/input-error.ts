import { GraphQLError } from 'graphql'

/** The closed list of `extensions.code` in errors of this API. */
export const ERROR_CODES = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'BAD_USER_INPUT',
  'PERSISTED_QUERY_NOT_SUPPORTED',
  'NOT_FOUND',
  'QUERY_TOO_COMPLEX',
  'TOO_MANY_OPERATIONS',
  'TOO_MANY_REQUESTS',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'DATASET_UNAVAILABLE',
  'MODEL_UNUSABLE',
  'PREDICTION_FAILED',
  'OVERLOADED',
  'NOT_READY',
  'STORAGE_FULL',
  'STOPPING',
  'INTERNAL_SERVER_ERROR',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

export function isErrorCode(code: unknown): code is ErrorCode {
  return ERROR_CODES.includes(code as ErrorCode)
}

/** The status of an answer over HTTP, for codes that mean more than an answer with errors. RFC 4918, 11.5; RFC 6585, 4; RFC 9110, 15. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  TOO_MANY_REQUESTS: 429,
  STORAGE_FULL: 507,
  STOPPING: 503,
}

export function apiError(code: ErrorCode, message: string): GraphQLError {
  const status = STATUS[code]
  return new GraphQLError(message, { extensions: { code, ...(status && { http: { status } }) } })
}

/** An argument that is well-typed and still wrong, where the field has no result union to say so in. */
export function badInput(message: string): GraphQLError {
  return apiError('BAD_USER_INPUT', message)
}

/** @throws a GraphQLError that names the argument */
export function checkRange(name: string, value: number, from: number, to: number): void {
  if (value < from || value > to) throw badInput(`${name} must be from ${from} to ${to}, not ${value}.`)
}

/** @param what  what is wrong with the operation: "is 15 levels deep" */
export function tooComplex(what: string): GraphQLError {
  return apiError('QUERY_TOO_COMPLEX', `The operation ${what}.`)
}
