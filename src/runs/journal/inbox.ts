import { createBeat } from '../../concurrency/beat.ts'

/** Readers wake up together, those of many runs as well: of milliseconds, fewer than anybody sees. */
const beat = createBeat(20)

/** In the place of the messages that did not fit. */
export const OVERFLOW = Symbol('overflow')

/**
 * One subscriber's bounded buffer between the bus, which never waits, and a reader that may be slow.
 * When a message does not fit, everything in the buffer is dropped and the reader is told once:
 * it continues from the journal, so keeping a part would only send that part twice.
 */
export interface Inbox<Message> {
  readonly isClosed: boolean
  push(message: Message): void
  /** Undefined when there is nothing. */
  take(): Message | typeof OVERFLOW | undefined
  /** Resolves soon after there is something to take, or when it is closed. One reader at a time. */
  filled(): Promise<void>
  /** Empties it for good, and lets a waiting reader go. */
  close(): void
}

export function createInbox<Message>(capacity: number): Inbox<Message> {
  let messages: Message[] = []
  let overflowed = false
  let closed = false
  let wake: (() => void) | undefined
  /** The next beat wakes the reader. */
  let isDue = false

  const notify = () => {
    isDue = false
    wake?.()
    wake = undefined
  }
  return {
    get isClosed() {
      return closed
    },
    push(message) {
      if (closed || overflowed) return
      if (messages.length >= capacity) {
        messages = []
        overflowed = true
      } else {
        messages.push(message)
      }
      if (isDue) return
      isDue = true
      beat(notify)
    },
    take() {
      if (!overflowed) return messages.shift()
      overflowed = false
      return OVERFLOW
    },
    filled() {
      if (closed || overflowed || messages.length > 0) return Promise.resolve()
      return new Promise((resolve) => {
        wake = resolve
      })
    },
    close() {
      closed = true
      overflowed = false
      messages = []
      notify()
    },
  }
}
