/** Lets tasks share a name, or have it for themselves: one that must be alone waits for all before it, and they for it. */
export interface Hold {
  shared<Result>(name: string, task: () => Promise<Result>): Promise<Result>
  exclusive<Result>(name: string, task: () => Promise<Result>): Promise<Result>
}

export function createHold(): Hold {
  /** By name: what shares it now, and the last of those that want it alone. */
  const held = new Map<string, { sharing: Set<Promise<unknown>>; alone: Promise<unknown> | null }>()

  const of = (name: string) => {
    const found = held.get(name) ?? { sharing: new Set(), alone: null }
    held.set(name, found)
    return found
  }
  const tidy = (name: string) => {
    const { sharing, alone } = of(name)
    if (sharing.size === 0 && alone === null) held.delete(name)
  }

  return {
    async shared(name, task) {
      const entry = of(name)
      const mine = settled(entry.alone).then(task)
      entry.sharing.add(mine)
      try {
        return await mine
      } finally {
        entry.sharing.delete(mine)
        tidy(name)
      }
    },
    async exclusive(name, task) {
      const entry = of(name)
      // Those that come later wait for this one, and are not among these.
      const before = [...entry.sharing, entry.alone]
      const mine = Promise.all(before.map(settled)).then(task)
      entry.alone = mine
      try {
        return await mine
      } finally {
        if (entry.alone === mine) entry.alone = null
        tidy(name)
      }
    },
  }
}

/** Resolves when a task has ended, in whatever way. */
async function settled(task: Promise<unknown> | null): Promise<void> {
  await task?.catch(() => undefined)
}
