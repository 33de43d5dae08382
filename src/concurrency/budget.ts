/** Lets tasks run side by side as long as their sizes add up to no more than the limit; the rest wait in order. */
export interface Budget {
  /** A task larger than the whole limit runs alone. */
  spend<T>(size: number, task: () => Promise<T>): Promise<T>
}

export function createBudget(limit: number): Budget {
  let spent = 0
  const waiting: { size: number; go: () => void }[] = []
  const admit = () => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (spent > 0 && spent + next.size > limit) return
      waiting.shift()
      spent += next.size
      next.go()
    }
  }
  return {
    async spend(size, task) {
      await new Promise<void>((go) => {
        waiting.push({ size, go })
        admit()
      })
      try {
        return await task()
      } finally {
        spent -= size
        admit()
      }
    },
  }
}
