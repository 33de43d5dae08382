/**
 * Turns each item of a stream into any number of others. Unlike an async generator around a `for await`,
 * it passes return() on at once, even while the source waits for its next item.
 */
export function flatMap<In, Out>(
  source: AsyncIterableIterator<In>,
  convert: (item: In) => readonly Out[] | Promise<readonly Out[]>,
): AsyncIterableIterator<Out> {
  let ready: Out[] = []
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      while (ready.length === 0) {
        const result = await source.next()
        if (result.done) return { done: true, value: undefined }
        try {
          ready = [...(await convert(result.value))]
        } catch (error) {
          // Whoever iterates takes a stream that has failed for ended, and does not end it.
          await source.return?.()
          throw error
        }
      }
      return { done: false, value: ready.shift() as Out }
    },
    async return() {
      ready = []
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
}

/** The topics that changed, each once however often it changed since it was last taken. */
export function followChanges(
  subscribe: (listener: (id: string) => void) => () => void,
): AsyncIterableIterator<string> {
  const changed = new Set<string>()
  let wake: (() => void) | undefined
  let closed = false
  const notify = () => {
    wake?.()
    wake = undefined
  }
  const detach = subscribe((id) => {
    changed.add(id)
    notify()
  })
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      for (;;) {
        if (closed) return { done: true, value: undefined }
        const [id] = changed
        if (id !== undefined) {
          changed.delete(id)
          return { done: false, value: id }
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    async return() {
      closed = true
      detach()
      notify()
      return { done: true, value: undefined }
    },
  }
}
