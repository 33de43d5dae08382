import { GraphQLError, type GraphQLInterfaceType } from 'graphql'
import { expect, test } from 'vitest'
import { DatasetUnavailableError } from '../../../src/data/errors.ts'
import {
  ConflictError,
  NotFoundError,
  NotReadyError,
  OverloadedError,
  StoppingError,
  StorageFullError,
  ValidationError,
} from '../../../src/errors.ts'
import { UnsupportedImageError } from '../../../src/pictures/errors.ts'
import { DamagedArtifactError } from '../../../src/ports/artifact-store.ts'
import {
  NonFiniteAnswerError,
  PredictionFailedError,
  PredictorUnavailableError,
  UnusableModelError,
} from '../../../src/predictor/errors.ts'
import { VersionDeletedError } from '../../../src/predictor/version-ref.ts'
import { codedError, throwCoded } from '../../../src/schema/builder/errors.ts'
import { schema } from '../../../src/schema/index.ts'
import { toClientError } from '../../../src/server/graphql/client-error.ts'

const EXPECTED: readonly [Error, string][] = [
  [new ValidationError([{ path: ['a'], message: 'is wrong' }]), 'BAD_USER_INPUT'],
  [new UnsupportedImageError('EMPTY', 'The picture is empty.'), 'BAD_USER_INPUT'],
  [new ConflictError('The run is RUNNING.'), 'BAD_USER_INPUT'],
  [new NotFoundError('There is no run.'), 'NOT_FOUND'],
  [new VersionDeletedError('The version was deleted.'), 'NOT_FOUND'],
  [new OverloadedError('Too much is waiting.', 10, 1), 'OVERLOADED'],
  [new NotReadyError('It is being made.'), 'NOT_READY'],
  [new UnusableModelError('It does not fit.'), 'MODEL_UNUSABLE'],
  [new NonFiniteAnswerError('It says NaN.'), 'MODEL_UNUSABLE'],
  [new PredictionFailedError('It ended the predictor twice.'), 'PREDICTION_FAILED'],
  [new DatasetUnavailableError('It is not here.'), 'DATASET_UNAVAILABLE'],
  [new StorageFullError('The disk is full.'), 'STORAGE_FULL'],
  [new StoppingError(), 'STOPPING'],
]

test.each(EXPECTED)('%s has the code %s and its own words, wherever it is met', (error, code) => {
  const met = [
    codedError(error),
    toClientError(error),
    toClientError(new GraphQLError(error.message, { originalError: error })),
  ]
  for (const seen of met) expect(seen).toMatchObject({ message: error.message, extensions: { code } })
  expect(() => throwCoded(error)).toThrow(expect.objectContaining({ message: error.message }))
})

test.each([
  new Error('a bug'),
  new DamagedArtifactError('The file /data/artifacts/1 is damaged.'),
  new PredictorUnavailableError('It cannot start.'),
])('%s is not expected: it is passed on as it is, and masked', (error) => {
  expect(codedError(error)).toBeNull()
  expect(() => throwCoded(error)).toThrow(error)
  for (const met of [error, new GraphQLError(error.message, { originalError: error })]) {
    expect(toClientError(met).message).toBe('Unexpected error. The server log says more.')
  }
})

test('every member of a result union that is an error is of a class with a code', () => {
  const members = schema.getPossibleTypes(schema.getType('Error') as GraphQLInterfaceType)
  const known = EXPECTED.map(([error]) => error.constructor.name)
  expect(members.length).toBeGreaterThan(0)
  for (const { name } of members) expect(known).toContain(name)
})
