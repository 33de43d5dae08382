/**
 * For work of many that is all promises and nothing outside: together they would go on step by step, all at once, and
 * everything else would wait for the last. Each who waits at the gate is let in alone and does what needs no waiting,
 * before the event loop goes round and the next is let in, in the order in which they came.
 */
export function createGate(): () => Promise<void> {
  const waiting: (() => void)[] = []
  function letIn(): void {
    waiting.shift()?.()
    if (waiting.length > 0) setImmediate(letIn)
  }
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 1) setImmediate(letIn)
    })
}
