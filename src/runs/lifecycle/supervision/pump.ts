/** Messages that may wait before who says them waits, too: about six seconds of a trainer's. */
const MAX_WAITING = 64

/** Handles messages one after the other, in the order in which they came. */
export interface Pump<Message> {
  push(message: Message): void
  /**
   * Resolves when all that was pushed is handled.
   * @throws what handling a message threw: none that came after that one is handled
   */
  drained(): Promise<void>
}

export function createPump<Message>(
  handle: (message: Message) => Promise<void>,
  source: {
    /** Much waits: nothing more is to be said until goOn. */
    hold(): void
    /** Nothing waits any more. */
    goOn(): void
    /** A message could not be handled: whatever else is said is lost. May be called again. */
    kill(): void
  },
): Pump<Message> {
  let waiting = 0
  let handled: Promise<void> = Promise.resolve()
  return {
    push(message) {
      waiting += 1
      if (waiting === MAX_WAITING) source.hold()
      handled = handled
        .then(() => handle(message))
        .finally(() => {
          waiting -= 1
          if (waiting === 0) source.goOn()
        })
      handled.catch(() => source.kill())
    },
    drained: () => handled,
  }
}
