import type { Logger } from 'pino'
import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import { NotFoundError } from '../errors.ts'
import { toVersion } from '../models/version.ts'
import { architectureOf } from '../models/versions.ts'
import { DamagedArtifactError } from '../ports/artifact-store.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { NonFiniteAnswerError, UnusableModelError } from './errors.ts'
import type { ModelRef } from './protocol.ts'

/** A version as the processes know it that compute with its weights. */
export function refOf(version: ModelVersion, architectures: Pick<ArchitectureRegistry, 'find'>): ModelRef {
  return {
    digest: version.digest,
    architecture: architectureOf(version, architectures),
    preprocessing: toVersion(version).preprocessing,
  }
}

/** References of versions that are asked often: each is made once of a row. */
export function createModelRefs(architectures: Pick<ArchitectureRegistry, 'find'>): {
  of(version: ModelVersion): ModelRef
} {
  const made = new WeakMap<ModelVersion, ModelRef>()
  return {
    of(version) {
      const known = made.get(version)
      if (known !== undefined) return known
      const ref = refOf(version, architectures)
      made.set(version, ref)
      return ref
    },
  }
}

/** The version that a task was about is not there any more. */
export class VersionDeletedError extends NotFoundError {}

/** Passes an error on that such a process met, in words about the version where the version is the cause. */
export async function failFor(
  { id }: Pick<ModelVersion, 'id'>,
  error: unknown,
  { prisma, logger }: { prisma: PrismaClient; logger: Pick<Logger, 'error'> },
): Promise<never> {
  const version = await prisma.modelVersion.findUnique({ where: { id }, include: { model: true } })
  if (version === null) {
    throw new VersionDeletedError('The model version was deleted while it was at work.')
  }
  if (!(error instanceof DamagedArtifactError || error instanceof UnusableModelError)) throw error
  const name = `Version ${version.version} of ${version.model.name}`
  // What a network answers is no fault of the server.
  if (error instanceof NonFiniteAnswerError) {
    throw new NonFiniteAnswerError(
      `${name} says NaN or an infinite number of this picture: its training diverged, or its weights hold such numbers. Use another version.`,
    )
  }
  logger.error({ err: error, model: version.model.name, version: version.version }, 'a model is unusable')
  const what =
    error instanceof DamagedArtifactError
      ? `its file ${version.digest}.safetensors is missing or altered`
      : 'its weights do not fit its network'
  throw new UnusableModelError(`${name} cannot be used: ${what}. Delete it and train or import it again.`)
}
