import type { ModelVersion } from '../db/generated/client.ts'
import { toVersion } from '../models/version.ts'

type Answering = Pick<ModelVersion, 'id' | 'accuracy' | 'preprocessing' | 'evaluation'>

/**
 * Which versions have no answer to give, but NaN and infinite numbers. Found out by asking them, and kept in memory alone:
 * it costs one forward pass to find out again.
 */
export interface KnownAnswers {
  /** The ids of those that have none. */
  readonly missing: ReadonlySet<string>
  /** The version had an answer. */
  gave(version: Answering): void
  /** It had none: for a single picture, where it is known to have answered others. */
  lacked(version: Answering): void
}

export function createKnownAnswers(): KnownAnswers {
  const missing = new Set<string>()
  const given = new Set<string>()

  function isSound(version: Answering): boolean {
    const { id, accuracy, evaluation } = toVersion(version)
    // It has seen more pictures than anybody, and after the version was made.
    if (evaluation !== null) return evaluation.accuracy !== null
    return accuracy !== null || given.has(id)
  }

  return {
    missing,
    gave({ id }) {
      given.add(id)
      missing.delete(id)
    },
    lacked(version) {
      if (!isSound(version)) missing.add(version.id)
    },
  }
}
