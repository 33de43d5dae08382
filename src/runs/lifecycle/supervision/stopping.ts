import type { ControlRequest } from '../../model/controls.ts'
import type { Trainer } from './trainer.ts'

/** A trainer that does not end its step in this time after a cancel is killed. */
export const CANCEL_GRACE_MS = 5000
/**
 * The same when the server stops: what the run has trained since its last checkpoint is trained again then. Half a
 * gigabyte of a big network's state has to be written, on a disk and cores that others use, too; who cannot wait asks
 * the server a second time.
 */
const STOP_GRACE_MS = 30_000
/** The same for what the disk or the database's server does not take: the next start records that the run was interrupted. */
export const RECORD_GRACE_MS = 5000

export type Stop = 'CANCEL' | 'PAUSE' | 'SUSPEND' | 'WAIT'
/** What comes later can only be stronger; what a person asks for holds when the server stops, too. */
const STRENGTH: Readonly<Record<Stop, number>> = { WAIT: 1, SUSPEND: 2, PAUSE: 3, CANCEL: 4 }

/** How a run at work is to stop: who asked for it, and how long its trainer may take. */
export interface Stopping {
  /** The strongest that was asked for; null while the run is to go on. */
  readonly how: Stop | null
  /** Aborts when the run is to stop. */
  readonly signal: AbortSignal
  /** Aborts when the server, which stops, cannot wait any longer for what is left to record. */
  readonly gaveUp: AbortSignal
  /** A person asks for it. */
  ask(how: 'CANCEL' | 'PAUSE', request: ControlRequest): void
  /** The server stops. */
  suspend(): void
  /** The disk is nearly full. */
  wait(): void
  /** The run is about to be recorded as stopped so: the requests that this meets. What comes later comes too late. */
  meet(how: Stop): readonly ControlRequest[]
  isMet(request: ControlRequest): boolean
  /** Nobody works for the run any more. */
  over(): void
}

/** @param hasRoom  whether a checkpoint could be written */
export function createStopping(trainer: Pick<Trainer, 'stop' | 'kill'>, hasRoom: () => boolean): Stopping {
  const stopping = new AbortController()
  const gaveUp = new AbortController()
  const over = new AbortController()
  const requests: { how: Stop; request: ControlRequest }[] = []
  let how: Stop | null = null
  let met: readonly ControlRequest[] = []

  function stop(wanted: Stop): void {
    // A pause takes as long as a step and a checkpoint take: killed, it would lose what was trained.
    if (wanted === 'CANCEL') after(CANCEL_GRACE_MS, trainer.kill)
    if (wanted === 'SUSPEND') after(hasRoom() ? STOP_GRACE_MS : RECORD_GRACE_MS, trainer.kill)
    if (how !== null && STRENGTH[how] >= STRENGTH[wanted]) return
    how = wanted
    stopping.abort()
    trainer.stop(wanted === 'CANCEL' ? 'CANCEL' : 'PAUSE')
  }

  function after(milliseconds: number, task: () => void): void {
    if (over.signal.aborted) return
    const timer = setTimeout(task, milliseconds)
    over.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  }

  return {
    // As a pause, it takes as long as a step and a checkpoint take.
    wait: () => stop('WAIT'),
    get how() {
      return how
    },
    signal: stopping.signal,
    gaveUp: gaveUp.signal,
    ask(wanted, request) {
      requests.push({ how: wanted, request })
      stop(wanted)
    },
    suspend() {
      stop('SUSPEND')
      after(RECORD_GRACE_MS, () => gaveUp.abort())
    },
    meet(reached) {
      met = requests.filter((asked) => asked.how === reached).map(({ request }) => request)
      return met
    },
    isMet: (request) => met.includes(request),
    over: () => over.abort(),
  }
}
