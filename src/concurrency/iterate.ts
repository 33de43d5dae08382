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

/**
 * What changed and the last that was said of it, each once however often it changed since it was last taken.
 * @param merge  what of two is kept, where that is not the later one
 */
export function newestOfEach<News = void>(
  subscribe: (listener: (id: string, news: News) => void) => () => void,
  merge: (before: News, now: News) => News = (_before, now) => now,
): AsyncIterableIterator<{ id: string; news: News }> {
  const changed = new Map<string, News>()
  let wake: (() => void) | undefined
  let closed = false
  const notify = () => {
    wake?.()
    wake = undefined
  }
  const detach = subscribe((id, news) => {
    changed.set(id, changed.has(id) ? merge(changed.get(id) as News, news) : news)
    notify()
  })
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      for (;;) {
        if (closed) return { done: true, value: undefined }
        const [next] = changed
        if (next !== undefined) {
          const [id, news] = next
          changed.delete(id)
          return { done: false, value: { id, news } }
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

/** The items of a stream, and what it fails with as its last one: a subscription that throws takes its connection with it. */
export function failureLast<Item>(source: AsyncIterableIterator<Item>): AsyncIterableIterator<Item | Error> {
  let failed = false
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (failed) return { done: true, value: undefined }
      try {
        return await source.next()
      } catch (error) {
        failed = true
        return { done: false, value: error as Error }
      }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
  }
}
