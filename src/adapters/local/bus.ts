import type { Bus } from '../../ports/bus.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { NO_TELEMETRY } from './telemetry.ts'

/** A bus within this process: who publishes calls the listeners. */
export function createBus<Message>(bus = '', telemetry: Telemetry = NO_TELEMETRY): Bus<Message> {
  const topics = new Map<string, Set<(message: Message) => void>>()
  const waiting = new Map<string, (() => void)[]>()
  let listenerCount = 0
  return {
    publish(topic, message) {
      const listeners = topics.get(topic)
      telemetry.record({ kind: 'busMessage', bus, listeners: listeners?.size ?? 0 })
      for (const listener of listeners ?? []) listener(message)
    },
    subscribe(topic, listener) {
      const listeners = topics.get(topic) ?? new Set()
      topics.set(topic, listeners)
      // An own function each time: the same listener may subscribe twice.
      const entry = (message: Message) => listener(message)
      listeners.add(entry)
      listenerCount += 1
      return () => {
        if (!listeners.delete(entry)) return
        listenerCount -= 1
        if (listeners.size > 0 || topics.get(topic) !== listeners) return
        topics.delete(topic)
        for (const resolve of waiting.get(topic) ?? []) resolve()
        waiting.delete(topic)
      }
    },
    quiet(topic) {
      if (!topics.has(topic)) return Promise.resolve()
      return new Promise((resolve) => {
        waiting.set(topic, [...(waiting.get(topic) ?? []), resolve])
      })
    },
    get listenerCount() {
      return listenerCount
    },
  }
}
