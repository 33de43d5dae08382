import { afterEach, describe, expect, test, vi } from 'vitest'
import { onStopRequest, STOP_SIGNALS } from '../../../src/process/signals.ts'

describe('a process that is asked to stop', () => {
  let leave = () => {}
  afterEach(() => {
    leave()
    vi.restoreAllMocks()
  })

  function listening() {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const calls: unknown[] = []
    leave = onStopRequest(
      (reason) => calls.push(reason),
      () => calls.push('now'),
    )
    return { calls, pass: (seconds: number) => (now += seconds * 1000) }
  }

  test('stops once, however many hands pass the request on', () => {
    const { calls, pass } = listening()
    process.emit('SIGINT', 'SIGINT')
    // npm's own, and a shell's.
    process.emit('SIGINT', 'SIGINT')
    pass(1)
    process.emit('SIGTERM', 'SIGTERM')
    process.emit('SIGHUP', 'SIGHUP')
    expect(calls).toEqual(['SIGINT'])
  })

  test('ends at once when it is asked again later, but not because its terminal is closed by then', () => {
    const { calls, pass } = listening()
    process.emit('SIGTERM', 'SIGTERM')
    pass(5)
    process.emit('SIGHUP', 'SIGHUP')
    expect(calls).toEqual(['SIGTERM'])
    process.emit('SIGINT', 'SIGINT')
    expect(calls).toEqual(['SIGTERM', 'now'])
  })

  test('leaves the signals to Node when it is over', () => {
    const before = STOP_SIGNALS.map((signal) => process.listenerCount(signal))
    listening()
    leave()
    expect(STOP_SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before)
  })
})
