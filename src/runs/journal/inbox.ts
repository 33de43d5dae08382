/** What a waiting reader gets: a message, or word that the inbox overflowed or was closed. */
export type Delivery<Message> =
  | { kind: 'message'; message: Message }
  | { kind: 'overflow' }
  | { kind: 'closed' }

/**
 * One subscriber's bounded buffer between the bus, which never waits, and a reader that may be slow.
 * When a message does not fit, everything in the buffer is dropped and the reader is told once:
 * it continues from the journal, so keeping a part would only send that part twice.
 */
export interface Inbox<Message> {
  push(message: Message): void
  /** One reader at a time. */
  take(): Promise<Delivery<Message>>
  /** Lets a waiting reader go; every later take is 'closed'. */
  close(): void
}

export function createInbox<Message>(capacity: number): Inbox<Message> {
  let messages: Message[] = []
  let overflowed = false
  let closed = false
  let wake: (() => void) | undefined

  const notify = () => {
    wake?.()
    wake = undefined
  }
  return {
    push(message) {
      if (closed || overflowed) return
      if (messages.length >= capacity) {
        messages = []
        overflowed = true
      } else {
        messages.push(message)
      }
      notify()
    },
    async take() {
      for (;;) {
        if (closed) return { kind: 'closed' }
        if (overflowed) {
          overflowed = false
          return { kind: 'overflow' }
        }
        const message = messages.shift()
        if (message !== undefined) return { kind: 'message', message }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    close() {
      closed = true
      messages = []
      notify()
    },
  }
}
