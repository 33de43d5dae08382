/** Runs tasks one after the other, in the order in which they came; one that fails holds nobody up. */
export type Turns = <Result>(task: () => Promise<Result>) => Promise<Result>

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = last.then(task)
    last = result.catch(() => {})
    return result
  }
}
