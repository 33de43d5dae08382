import { expect, test } from 'vitest'
import type { PrismaClient } from '../../../src/db/generated/client.ts'
import { DamagedArtifactError } from '../../../src/ports/artifact-store.ts'
import { NonFiniteAnswerError } from '../../../src/predictor/errors.ts'
import { failFor } from '../../../src/predictor/version-ref.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

test('weights that are damaged are an error in the log, and those that answer NaN are none of the server', async () => {
  const found = { id: 'v', version: 2, digest: 'd', model: { name: 'zoo' } }
  const prisma = { modelVersion: { findUnique: async () => found } } as unknown as PrismaClient
  const logger = createRecordingLog()
  const nan = failFor({ id: 'v' }, new NonFiniteAnswerError(), { prisma, logger })
  await expect(nan).rejects.toThrow('Version 2 of zoo says NaN')
  expect(logger.errors).toEqual([])
  const damaged = failFor({ id: 'v' }, new DamagedArtifactError('altered'), { prisma, logger })
  await expect(damaged).rejects.toThrow('Version 2 of zoo cannot be used')
  expect(logger.errors).toEqual(['a model is unusable'])
})
