export interface Artifact {
  /** sha256 of the content, in hexadecimal. */
  digest: string
  bytes: number
}

/** A finished file that waits for its name: safe on disk, and nobody's until it is adopted. */
export interface StagedArtifact extends Artifact {
  /** Its name in the store. */
  staged: string
}

/** The content of an artifact is missing, or not what it was; the message names it. */
export class DamagedArtifactError extends Error {
  override readonly name = 'DamagedArtifactError'
}

/** Files, each named by the sha256 of its content: written once, never changed. Nobody else makes a path of a digest. */
export interface ArtifactStore {
  /** @throws StorageFullError where there is no room for another file */
  check(): void
  /**
   * A local path to write a new file to, where there is room (else StorageFullError); what is not adopted is removed by the next `tidy`.
   * @param owner  of letters, digits and dashes: what it leaves can be removed alone
   */
  stage(owner?: string): Promise<{ staged: string; path: string }>
  /**
   * Gives a staged file its name, which a power cut does not take away once this resolves. It is pending until it is
   * settled: a writer that dies in between leaves a mark.
   */
  adopt(artifact: StagedArtifact): Promise<void>
  /** Takes the name away again: the file is staged, and pending until it is settled. One that is not there is no error. */
  release(artifact: StagedArtifact): Promise<void>
  /** Makes a file pending that perhaps nobody will need: a remover that dies in between leaves the mark. */
  mark(digest: string): Promise<void>
  /** Takes the mark away. */
  settle(digest: string): Promise<void>
  /** The digests of files that were adopted or marked, and not settled. */
  pending(): Promise<string[]>
  /**
   * The artifact as a local file, to read and not to change: read through each time, for a disk may alter what it keeps.
   * It may be removed at any time; who has opened it reads on.
   * @param once  read through only where this was not done before, or its size or time is another: for who hands out
   *   parts of it again and again
   * @throws DamagedArtifactError when it is missing or altered
   */
  materialise(digest: string, options?: { once: boolean }): Promise<string>
  /**
   * A local folder of what is made from an artifact and can be made again; it goes with the artifact, or before it. Callers at the
   * same time share the work.
   * @param key   names what is made, in letters, digits and dashes
   * @param make  fills an empty folder, which is then forced to the disk; when it fails, so does this, and nothing is kept
   * @param owner of what is being made, as of `stage`
   */
  derive(
    digest: string,
    key: string,
    make: (folder: string) => Promise<void>,
    owner?: string,
  ): Promise<string>
  /**
   * Removes what was made from an artifact. What is being made at that time stays.
   * @param prefix  only that whose key begins so
   */
  removeDerived(digest: string, prefix?: string): Promise<void>
  /** Removes the file and what was made from it; one that is not there is no error. */
  remove(digest: string): Promise<void>
  /**
   * Removes what killed writers, or that of one owner, left unfinished. While none of them writes.
   * @param finished  staged files that are to stay
   */
  tidy(owner?: string, finished?: ReadonlySet<string>): Promise<void>
}
