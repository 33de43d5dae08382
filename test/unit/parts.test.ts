import { expect, test } from 'vitest'
import { createParts } from '../../src/parts.ts'
import { createRecordingLog } from '../support/recording-log.ts'

const never = new AbortController().signal

function recorded(events: string[]) {
  return (name: string, drains = false) => ({
    ...(drains && {
      async drain() {
        events.push(`drain ${name}`)
        await Promise.resolve()
        events.push(`drained ${name}`)
      },
    }),
    close: async () => void events.push(`close ${name}`),
  })
}

test('parts are drained at once, and closed after that, the last one first', async () => {
  const events: string[] = []
  const part = recorded(events)
  const parts = createParts(createRecordingLog(), never)
  for (const each of [part('database'), part('runs', true), part('evaluator', true), part('server')]) {
    parts.add(each)
  }
  await parts.close()
  expect(events).toEqual([
    'drain evaluator',
    'drain runs',
    'drained evaluator',
    'drained runs',
    'close server',
    'close evaluator',
    'close runs',
    'close database',
  ])
  await parts.close()
  expect(events).toHaveLength(8)
})

test('a part that fails keeps no other from its end, and is logged', async () => {
  const events: string[] = []
  const part = recorded(events)
  const log = createRecordingLog()
  const parts = createParts(log, never)
  const fail = () => {
    throw new Error('stuck')
  }
  parts.add(part('database'))
  parts.add({ drain: fail, close: fail })
  parts.add(part('server', true))
  const logged = log.next('error')
  await parts.close()
  await logged
  expect(events).toEqual(['drain server', 'drained server', 'close server', 'close database'])
})

test('a start that is to end adds its part and throws the reason, so that the part is closed, too', async () => {
  const events: string[] = []
  const stopping = AbortSignal.abort(new Error('stop'))
  const parts = createParts(createRecordingLog(), stopping)
  expect(() => parts.add(recorded(events)('database'))).toThrow('stop')
  await parts.close()
  expect(events).toEqual(['close database'])
})
