/** The runs that wait, where the domain keeps them and their order: in the database. */
export interface WaitingRuns<Run> {
  /** The id of the one that is to start first, but for these; null when none waits. */
  first(except: readonly string[]): Promise<string | null>
  /**
   * Makes a run that waits the caller's: one atomic step, which of several callers one wins.
   * @returns null where it does not wait any more: another has it, or a person took it out of the queue
   */
  claim(id: string): Promise<Run | null>
  /** A run that was claimed and has not begun: for who did not hear the answer. Null where it is elsewhere. */
  claimed(id: string): Promise<Run | null>
}

/**
 * Hands the runs that wait to whoever trains them. A run is put into the queue, moved and taken out of it by its row,
 * which is committed together with what the journal says of it; then the queue is woken.
 */
export interface RunQueue<Run> {
  /** Has whoever watches look again: something waits that did not, or at another place. */
  wake(): void
  /** Calls `look` each time that there may be something to take. @returns the function that ends it */
  watch(look: () => void): () => void
  /**
   * Hands out the run that is to start first, to this caller and to no other. When a call fails after it has taken a run,
   * the next one answers with that.
   * @returns null when none waits
   */
  take(): Promise<Run | null>
  /** Gives back a run that was taken, when nobody works for it any more: from now on it is handed out again if it waits. */
  release(id: string): void
}

/** Opens the queue of these runs. */
export type OpenRunQueue = <Run extends { id: string }>(waiting: WaitingRuns<Run>) => RunQueue<Run>
