import type { Logger } from 'pino'

/** A part of the server that has to be taken apart. */
export interface Part {
  /** Tells whoever waits for it, or watches it, how that ends: while the server can still pass it on. */
  drain?(): Promise<unknown>
  /** Gives back what it holds. May be called after `drain`, and more than once. */
  close(): Promise<unknown>
}

/** The parts that there are so far, in the order in which they were put together. */
export interface Parts {
  /** Of a start that is to end it throws the reason: the part is closed with the others. */
  add<Added extends Part>(part: Added): Added
  /**
   * Drains all parts at once, then closes them one after the other, the last one first. What fails is logged, and keeps
   * no other from it.
   */
  close(): Promise<void>
}

/** @param stopping  ends a start that is still under way */
export function createParts(logger: Pick<Logger, 'error'>, stopping: AbortSignal): Parts {
  const parts: Part[] = []
  const settle = (step: () => Promise<unknown> | undefined) =>
    Promise.resolve()
      .then(step)
      .catch((error: unknown) => logger.error({ err: error }, 'closing a part failed'))
  return {
    add(part) {
      parts.unshift(part)
      stopping.throwIfAborted()
      return part
    },
    async close() {
      const there = parts.splice(0)
      await Promise.all(there.map((part) => settle(() => part.drain?.())))
      for (const part of there) await settle(() => part.close())
    },
  }
}
