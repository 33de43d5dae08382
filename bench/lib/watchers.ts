/** Starts watchers-process.ts: those who watch have a process of their own, whose CPU is not the server's. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { compileProcess } from './compile.ts'

/** What a watcher subscribes to. Each event has `at`, when it was written. */
export interface Watched {
  query: string
  variables: Record<string, unknown>
}

export type ToWatchers =
  | { type: 'attach'; url: string; watched: readonly Watched[]; count: number }
  | { type: 'report' }
  | { type: 'leave' }

export type FromWatchers =
  | { type: 'live'; ms: number }
  | { type: 'report'; messages: number; latencies: number[] }
  | { type: 'left' }
  | { type: 'failed'; message: string }

/** Programs that each have a socket and a subscription. */
export interface Watchers {
  /** Opens all sockets at once. @returns milliseconds until the last of them got an event written since */
  attach(url: string, watched: readonly Watched[], count: number): Promise<number>
  /** What came since the last report: how many messages, and the milliseconds from event to client of each. */
  report(): Promise<{ messages: number; latencies: number[] }>
  leave(): Promise<void>
}

export async function withWatchers<Result>(work: (watchers: Watchers) => Promise<Result>): Promise<Result> {
  const child = fork(compileProcess('watchers-process.ts'))
  const exited = once(child, 'exit')
  let fail = (_: Error) => {}
  child.on('message', (message: FromWatchers) => {
    if (message.type === 'failed') fail(new Error(message.message))
  })
  const ask = <Type extends FromWatchers['type']>(message: ToWatchers, type: Type) =>
    new Promise<Extract<FromWatchers, { type: Type }>>((resolve, reject) => {
      fail = reject
      const hear = (answer: FromWatchers) => {
        if (answer.type !== type) return
        child.off('message', hear)
        resolve(answer as Extract<FromWatchers, { type: Type }>)
      }
      child.on('message', hear).send(message)
    })
  try {
    return await work({
      attach: async (url, watched, count) => (await ask({ type: 'attach', url, watched, count }, 'live')).ms,
      report: () => ask({ type: 'report' }, 'report'),
      leave: async () => void (await ask({ type: 'leave' }, 'left')),
    })
  } finally {
    child.kill()
    await exited
  }
}
