/** Something loaded that holds memory until it is disposed. */
export interface Loaded {
  dispose(): void
}

/** A model that stays loaded until it is released. */
export interface Lease<Model> {
  model: Model
  release(): void
}

/** Keeps the models that were used last within a number of bytes, and always those in use. */
export interface ModelCache<Model extends Loaded> {
  /**
   * The kept model, or a new one by `load`, which will take `bytes`: one is loaded at a time, when there is room, in the
   * order of the calls. A load that fails is not kept.
   */
  acquire(key: string, bytes: number, load: () => Promise<Model>): Promise<Lease<Model>>
}

interface Entry<Model> {
  model: Model
  bytes: number
  leases: number
}

/** @param onChange  called with the key of a model that is kept from now on, or not any more */
export function createModelCache<Model extends Loaded>(
  maxBytes: number,
  onChange: (key: string, isLoaded: boolean) => void = () => {},
): ModelCache<Model> {
  // A Map keeps the order of insertion: its first entry is the one that was not used for the longest time.
  const kept = new Map<string, Entry<Model>>()
  let total = 0
  let loading: Promise<unknown> = Promise.resolve()
  let released = () => {}

  function lease(key: string, entry: Entry<Model>): Lease<Model> {
    kept.delete(key)
    kept.set(key, entry)
    entry.leases += 1
    let held = true
    return {
      model: entry.model,
      release() {
        if (!held) return
        held = false
        entry.leases -= 1
        // Who waits for room takes it at once, before the model is asked for again.
        released()
      },
    }
  }

  /** @returns whether there is room for so many bytes now; a model that is larger than all room gets all of it */
  function makeRoom(bytes: number): boolean {
    for (const [oldest, entry] of kept) {
      if (total + bytes <= maxBytes) return true
      if (entry.leases > 0) continue
      kept.delete(oldest)
      total -= entry.bytes
      entry.model.dispose()
      onChange(oldest, false)
    }
    return total + bytes <= maxBytes || kept.size === 0
  }

  /** Room is made first: at no time do both the old and the new ones lie in memory. */
  function room(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      released = () => {
        if (!makeRoom(bytes)) return
        released = () => {}
        resolve()
      }
      released()
    })
  }

  return {
    async acquire(key, bytes, load) {
      const found = kept.get(key)
      if (found !== undefined) return lease(key, found)
      const loaded = loading.then(async () => {
        const meanwhile = kept.get(key)
        if (meanwhile !== undefined) return lease(key, meanwhile)
        await room(bytes)
        const entry = { model: await load(), bytes, leases: 0 }
        total += bytes
        const held = lease(key, entry)
        onChange(key, true)
        return held
      })
      loading = loaded.catch(() => {})
      return loaded
    },
  }
}
