/** Reads that many ask for at once, because all of them heard the same, and one does. */
export interface SharedReads {
  /**
   * Reads, or waits for who is reading the same.
   * @param topic  of the news that said that there is something to read
   * @param key    what is read of it
   */
  read<Row>(topic: string, key: string | number, task: () => Promise<Row>): Promise<Row>
  /** There is news: what is under way may have missed it. To be called for each listener, before it reads. */
  renew(topic: string): void
}

export function createSharedReads(): SharedReads {
  const topics = new Map<string, Map<string | number, Promise<unknown>>>()
  return {
    read<Row>(topic: string, key: string | number, task: () => Promise<Row>) {
      const reading = topics.get(topic) ?? new Map<string | number, Promise<unknown>>()
      topics.set(topic, reading)
      const under = reading.get(key)
      if (under !== undefined) return under as Promise<Row>
      const begun = task()
      reading.set(key, begun)
      const end = () => {
        reading.delete(key)
        if (reading.size === 0 && topics.get(topic) === reading) topics.delete(topic)
      }
      begun.then(end, end)
      return begun
    },
    renew: (topic) => void topics.delete(topic),
  }
}
