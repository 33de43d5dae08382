/** Something loaded that holds memory until it is disposed. */
export interface Loaded {
  dispose(): void
}

/** Keeps the models that were used last within a number of bytes, and always the one in use. */
export interface ModelCache<Model extends Loaded> {
  /**
   * The kept model, or a new one by `load`, which will take `bytes`. A load that fails is not kept.
   * One call at a time; the model may be disposed by the next call.
   */
  get(key: string, bytes: number, load: () => Promise<Model>): Promise<Model>
}

export function createModelCache<Model extends Loaded>(maxBytes: number): ModelCache<Model> {
  // A Map keeps the order of insertion: its first entry is the one that was not used for the longest time.
  const kept = new Map<string, { model: Model; bytes: number }>()
  let total = 0
  return {
    async get(key, bytes, load) {
      const found = kept.get(key)
      if (found !== undefined) {
        kept.delete(key)
        kept.set(key, found)
        return found.model
      }
      // Room is made first: at no time do both the old and the new ones lie in memory.
      for (const [oldest, entry] of kept) {
        if (total + bytes <= maxBytes) break
        kept.delete(oldest)
        total -= entry.bytes
        entry.model.dispose()
      }
      const model = await load()
      kept.set(key, { model, bytes })
      total += bytes
      return model
    },
  }
}
