import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'
import { isatty } from 'node:tty'

/**
 * How a process of ours is asked to end: by Ctrl-C, by a supervisor, by a terminal that is closed. Each of them goes to
 * every process of a terminal's foreground, or of a service, at once.
 */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * What asks once may be heard more than once: npm passes on to its script what the terminal sent to both, and a shell
 * sends SIGHUP beside the kernel's. Who asks again after this time means it.
 */
const ONE_REQUEST_MS = 2000

/** Why a process is to end: a signal, or the end of the process that started it with a channel (stdio 'ipc'). */
export type StopReason = (typeof STOP_SIGNALS)[number] | 'disconnect'

/**
 * Calls `stop` at the first request to end this process, and `now` when a person or a supervisor asks again.
 * @returns leaves the signals to Node again: each of them ends the process
 */
export function onStopRequest(stop: (reason: StopReason) => void, now: () => void): () => void {
  let asked: number | null = null
  const request = (reason: StopReason) => {
    if (asked === null) {
      asked = performance.now()
      stop(reason)
    } else if ((reason === 'SIGINT' || reason === 'SIGTERM') && performance.now() - asked > ONE_REQUEST_MS) {
      now()
    }
  }
  const disconnected = () => request('disconnect')
  for (const signal of STOP_SIGNALS) process.on(signal, request)
  process.on('disconnect', disconnected)
  process.on('exit', leaveLostTerminal)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, request)
    process.off('disconnect', disconnected)
  }
}

const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor))

/**
 * A Node that exits puts the modes of its terminal back, and aborts where that is gone; it lets descriptors be that lead
 * elsewhere by then.
 */
function leaveLostTerminal(): void {
  for (const descriptor of terminals) {
    if (isatty(descriptor)) continue
    closeSync(descriptor)
    // Takes the lowest number that is free: the one just closed.
    openSync(devNull, 'r+')
  }
}
