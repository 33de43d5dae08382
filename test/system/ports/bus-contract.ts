import { describe, expect, test } from 'vitest'
import type { OpenBus } from '../../../src/ports/bus.ts'

/** What every implementation of the port Bus must do. A message may take a while: tests wait for it to be heard. */
export function describeBus(openBus: OpenBus): void {
  describe('a bus', () => {
    /** Subscribes; `heard` resolves when so many messages have come, with all of them. */
    function listen(bus: ReturnType<typeof openBus<unknown>>, topic: string) {
      const messages: unknown[] = []
      let wake = () => {}
      const end = bus.subscribe(topic, (message) => {
        messages.push(message)
        wake()
      })
      return {
        messages,
        end,
        async heard(count: number) {
          while (messages.length < count) {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
          return messages
        },
      }
    }

    test('hands a message to every listener of its topic, in the order of publishing', async () => {
      const bus = openBus<unknown>('numbers')
      const listeners = [listen(bus, 'a'), listen(bus, 'a')]
      for (const n of [1, 2, 3]) bus.publish('a', n)
      for (const { heard } of listeners) expect(await heard(3)).toEqual([1, 2, 3])
    })

    test('hands it to no listener of another topic', async () => {
      const bus = openBus<unknown>('topics')
      const [a, b] = [listen(bus, 'a'), listen(bus, 'b')]
      bus.publish('a', 'to a')
      bus.publish('b', 'to b')
      expect(await b.heard(1)).toEqual(['to b'])
      expect(await a.heard(1)).toEqual(['to a'])
    })

    test('keeps nothing for who comes later', async () => {
      const bus = openBus<unknown>('late')
      const early = listen(bus, 'a')
      bus.publish('a', 'before')
      await early.heard(1)
      const late = listen(bus, 'a')
      bus.publish('a', 'after')
      expect(await late.heard(1)).toEqual(['after'])
    })

    test('hands nothing on to a subscription that has ended, and ends it once', async () => {
      const bus = openBus<unknown>('ended')
      const [gone, stays] = [listen(bus, 'a'), listen(bus, 'a')]
      gone.end()
      gone.end()
      bus.publish('a', 1)
      expect(await stays.heard(1)).toEqual([1])
      expect(gone.messages).toEqual([])
      expect(bus.listenerCount).toBe(1)
    })

    test('takes one function that subscribes twice for two listeners', async () => {
      const bus = openBus<unknown>('twice')
      const messages: unknown[] = []
      const take = (message: unknown) => void messages.push(message)
      const [end] = [bus.subscribe('a', take), bus.subscribe('a', take)]
      const other = listen(bus, 'a')
      bus.publish('a', 1)
      await other.heard(1)
      end()
      bus.publish('a', 2)
      await other.heard(2)
      expect(messages).toEqual([1, 1, 2])
    })

    test('counts listeners over all topics', () => {
      const bus = openBus<unknown>('count')
      expect(bus.listenerCount).toBe(0)
      const listeners = ['a', 'a', 'b'].map((topic) => listen(bus, topic))
      expect(bus.listenerCount).toBe(3)
      for (const { end } of listeners) end()
      expect(bus.listenerCount).toBe(0)
    })

    test('is quiet at a topic when its last listener is gone', async () => {
      const bus = openBus<unknown>('quiet')
      await bus.quiet('a')
      const [first, last] = [listen(bus, 'a'), listen(bus, 'a')]
      let isQuiet = false
      const quiet = bus.quiet('a').then(() => {
        isQuiet = true
      })
      first.end()
      await bus.quiet('nobody is here')
      expect(isQuiet).toBe(false)
      last.end()
      await quiet
    })

    test('has its own listeners, whatever a bus of another name has', async () => {
      const [one, other] = [openBus<unknown>('one'), openBus<unknown>('other')]
      const [ofOne, ofOther] = [listen(one, 'a'), listen(other, 'a')]
      one.publish('a', 1)
      other.publish('a', 2)
      expect(await ofOne.heard(1)).toEqual([1])
      expect(await ofOther.heard(1)).toEqual([2])
    })
  })
}
