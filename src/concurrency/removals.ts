/** Removals of files that others may be reading still: they wait while somebody holds them. */
export interface Removals {
  /** From now on none is done. @returns lets go; the last one to do so has those done that came meanwhile */
  hold(): () => Promise<void>
  /**
   * Takes a removal for later, where somebody holds them.
   * @param remove  whatever it fails at is found again by the next start's sweep
   * @returns false where nobody does: it is not taken
   */
  postpone(remove: () => Promise<unknown>): boolean
}

export function createRemovals(): Removals {
  let holders = 0
  let postponed: (() => Promise<unknown>)[] = []
  return {
    hold() {
      holders += 1
      let isHeld = true
      return async () => {
        if (!isHeld) return
        isHeld = false
        holders -= 1
        if (holders > 0) return
        const due = postponed
        postponed = []
        for (const remove of due) await remove().catch(() => {})
      }
    },
    postpone(remove) {
      if (holders === 0) return false
      postponed.push(remove)
      return true
    },
  }
}
