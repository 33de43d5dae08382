import type { GraphQLError } from 'graphql'
import { DatasetUnavailableError } from '../../data/errors.ts'
import {
  ConflictError,
  ForbiddenError,
  NotFoundError,
  NotReadyError,
  OverloadedError,
  StoppingError,
  StorageFullError,
  TooManyRequestsError,
  UnauthenticatedError,
  ValidationError,
} from '../../errors.ts'
import { type IMAGE_REJECTIONS, UnsupportedImageError } from '../../pictures/errors.ts'
import { PredictionFailedError, UnusableModelError } from '../../predictor/errors.ts'
import { builder } from './builder.ts'
import { described } from './described.ts'
import { apiError, type ErrorCode } from './input-error.ts'

type ErrorClass = new (...args: never[]) => Error

/**
 * Every class of failure that the API expects, with its code in `extensions` where a field has no result union. All else
 * is masked. What a result union has of them is said below.
 */
const CODES: readonly (readonly [ErrorClass, ErrorCode])[] = [
  [ValidationError, 'BAD_USER_INPUT'],
  [UnsupportedImageError, 'BAD_USER_INPUT'],
  [ConflictError, 'BAD_USER_INPUT'],
  [UnauthenticatedError, 'UNAUTHENTICATED'],
  [ForbiddenError, 'FORBIDDEN'],
  [NotFoundError, 'NOT_FOUND'],
  [OverloadedError, 'OVERLOADED'],
  [TooManyRequestsError, 'TOO_MANY_REQUESTS'],
  [NotReadyError, 'NOT_READY'],
  [UnusableModelError, 'MODEL_UNUSABLE'],
  [PredictionFailedError, 'PREDICTION_FAILED'],
  [DatasetUnavailableError, 'DATASET_UNAVAILABLE'],
  [StorageFullError, 'STORAGE_FULL'],
  [StoppingError, 'STOPPING'],
]

/** An expected failure as an error with its code; null for any other. */
export function codedError(error: unknown): GraphQLError | null {
  const code = CODES.find(([expected]) => error instanceof expected)?.[1]
  if (code === undefined) return null
  const coded = apiError(code, (error as Error).message)
  if (error instanceof TooManyRequestsError) {
    const { retryAfterMs } = error
    const headers = { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
    Object.assign(coded.extensions, { retryAfterMs, http: { status: 429, headers } })
  }
  return coded
}

/** For `catch` in a field without a result union, and in a subscription, which can have none. */
export function throwCoded(error: unknown): never {
  throw codedError(error) ?? error
}

/**
 * The option `errors` of a field whose expected failures are members of its result.
 * @param name   of the union, without "Result"
 * @param types  classes that have a member below
 */
export function resultOf<Type extends ErrorClass>(name: string, types: readonly Type[], description: string) {
  return { types: [...types], directResult: true as const, union: { name: `${name}Result`, description } }
}

const ErrorInterface = builder.interfaceRef<Error>('Error').implement({
  description: 'An expected failure, as a member of a result union.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'What is wrong and what to do, for people.' }),
  }),
})

const ValidationIssue = builder.objectRef<{ path: string[]; message: string }>('ValidationIssue').implement({
  description: 'One wrong value of an input.',
  fields: (t) => ({
    path: t.exposeStringList('path', {
      description: 'The fields that lead to the value, from the input down.',
    }),
    message: t.exposeString('message', { description: 'What is wrong with it.' }),
  }),
})

builder.objectType(ValidationError, {
  name: 'ValidationError',
  description: 'Values of the input that cannot work. All of them are listed, not only the first.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({
      type: [ValidationIssue],
      description: 'Every wrong value.',
      resolve: (error) => error.issues,
    }),
  }),
})

builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'What the input names does not exist.',
  interfaces: [ErrorInterface],
})

builder.objectType(ConflictError, {
  name: 'ConflictError',
  description: 'The request does not fit the present state of its object.',
  interfaces: [ErrorInterface],
})

builder.objectType(OverloadedError, {
  name: 'OverloadedError',
  description: 'Too much is waiting already. Nothing was done; send the request again later.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'Milliseconds after which to try again.' }),
    queueDepth: t.exposeInt('queueDepth', { description: 'How many requests are waiting.' }),
  }),
})

const ImageRejection = builder.enumType('ImageRejection', {
  description: 'Why a picture was refused.',
  values: described<(typeof IMAGE_REJECTIONS)[number]>({
    EMPTY: 'The file has no bytes.',
    NOT_AN_IMAGE: 'The bytes are of no picture format.',
    UNSUPPORTED_FORMAT: 'It is a picture in a format, or a variant of one, that is not read here.',
    TRUNCATED: 'The picture ends before its last pixel.',
    DAMAGED: 'The picture has contents that cannot be decoded.',
    TOO_MANY_BYTES: 'The file is larger than a picture may be.',
    TOO_MANY_PIXELS: 'The picture has more pixels than may be decoded.',
  }),
})

builder.objectType(UnsupportedImageError, {
  name: 'UnsupportedImageError',
  description: 'The picture cannot be read.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    reason: t.expose('reason', { type: ImageRejection, description: 'The kind of problem.' }),
  }),
})

builder.objectType(UnusableModelError, {
  name: 'UnusableModelError',
  description:
    'No prediction can be made with these weights: their file is damaged, they do not fit, or what they say of the picture is NaN or infinite.',
  interfaces: [ErrorInterface],
})

builder.objectType(PredictionFailedError, {
  name: 'PredictionFailedError',
  description:
    'The server failed at this picture, or gave it up: the predictor process ended twice with it, whoever asked had left, or the server stopped.',
  interfaces: [ErrorInterface],
})
