import type { MeasuredPoint } from '../runs/model/measurements.ts'
import type { FromTrainer, TrainerProgress } from './protocol.ts'

/** About ten messages a second, however fast the steps are. */
const FLUSH_MS = 100
/** A point message never grows beyond this, so that a subscriber's buffer counts in messages. */
const MAX_POINTS = 256
const PROGRESS_MS = 1000

/** Gathers loss points into small batches on their way to the server; none is ever dropped. */
export interface Reporter {
  point(point: MeasuredPoint, progress: TrainerProgress): void
  /** Tells how far the run is when no point has done so for a second. */
  progress(progress: TrainerProgress): void
  flush(): void
}

export function createReporter(send: (message: FromTrainer) => void, now: () => number = Date.now): Reporter {
  let points: MeasuredPoint[] = []
  let latest: TrainerProgress | undefined
  let lastSent = 0
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (points.length === 0 || latest === undefined) return
    send({ type: 'points', points, progress: latest })
    points = []
    lastSent = now()
  }

  return {
    point(point, progress) {
      points.push(point)
      latest = progress
      if (points.length >= MAX_POINTS || now() - lastSent >= FLUSH_MS) flush()
      else timer ??= setTimeout(flush, FLUSH_MS)
    },
    progress(progress) {
      if (now() - lastSent < PROGRESS_MS) return
      send({ type: 'progress', progress })
      lastSent = now()
    },
    flush,
  }
}
