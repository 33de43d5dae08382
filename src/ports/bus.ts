/**
 * Hands what was committed to whoever listens now, in the order in which it was published; a listener must not throw and
 * must not block. What nobody listens to is gone: who needs all of it reads the database first (runs/journal/follow.ts).
 */
export interface Bus<Message> {
  publish(topic: string, message: Message): void
  /** @returns the function that ends the subscription; a second call does nothing */
  subscribe(topic: string, listener: (message: Message) => void): () => void
  /** Resolves as soon as nobody listens to the topic. */
  quiet(topic: string): Promise<void>
  /** Listeners over all topics: what a disconnect must bring back to what it was. */
  readonly listenerCount: number
}

/**
 * Opens the bus of one kind of message.
 * @param name  by which other processes open the same one
 */
export type OpenBus = <Message>(name: string) => Bus<Message>
