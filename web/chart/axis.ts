/** What a curve may stand over. `time` is training time: without the queue, pauses and steps that were trained again. */
export const AXES = ['step', 'epoch', 'images', 'time', 'clock'] as const
export type Axis = (typeof AXES)[number]

/** What is known of a run that its points are laid over an axis with. */
export interface Track {
  stepsPerEpoch: number
  imagesPerEpoch: number
  /** By number. */
  attempts: readonly Attempt[]
}

export interface Attempt {
  attempt: number
  fromStep: number
  startedAt: string
  /** Training that had led to `fromStep`. */
  secondsBefore: number
}

export interface Point {
  step: number
  epoch: number
  attempt: number
  at: string
}

/** Where the points and the steps of a run stand on an axis. Time is in seconds, of the clock since 1970. */
export interface Places {
  axis: Axis
  /** Null where it cannot be told yet: of an attempt that is not known. */
  of(point: Point): number | null
  /** Of a step, of which there may be no point: between those around it. */
  ofStep(step: number): number | null
  /** Steps afterStep + 1 .. toStep: all of a range, and a point on either side where there is one. */
  stepsIn(range: { from: number; to: number }): { afterStep: number; toStep: number }
}

/** The greatest Int of GraphQL. */
const MAX_STEP = 2 ** 31 - 1

/** @param known  points of the steps that count, by step: the more, the better `ofStep` is where time is the axis */
export function placesOf(axis: Axis, track: Track, known: readonly Point[]): Places {
  return axis === 'time' || axis === 'clock' ? timed(axis, track, known) : counted(axis, track)
}

/** Where a place is so many times the step. */
function counted(axis: 'step' | 'epoch' | 'images', { stepsPerEpoch, imagesPerEpoch }: Track): Places {
  const perEpoch = { step: stepsPerEpoch, epoch: 1, images: imagesPerEpoch }[axis]
  const perStep = axis === 'step' ? 1 : stepsPerEpoch === 0 ? 0 : perEpoch / stepsPerEpoch
  return {
    axis,
    of: ({ step, epoch }) => (axis === 'step' ? step : epoch * perEpoch),
    ofStep: (step) => (perStep === 0 ? null : step * perStep),
    stepsIn: ({ from, to }) =>
      perStep === 0
        ? { afterStep: 0, toStep: MAX_STEP }
        : bounded(Math.floor(from / perStep) - 1, Math.ceil(to / perStep)),
  }
}

function timed(axis: 'time' | 'clock', { attempts }: Track, known: readonly Point[]): Places {
  const byNumber = new Map(attempts.map((it) => [it.attempt, { ...it, started: Date.parse(it.startedAt) }]))
  const of = ({ attempt, at }: Point) => {
    const ms = Date.parse(at)
    if (axis === 'clock') return ms / 1000
    const its = byNumber.get(attempt)
    return its === undefined ? null : its.secondsBefore + Math.max(0, ms - its.started) / 1000
  }
  // Where each attempt began, but those that went on from what a later one has trained again, and where the points are.
  const begins = [...byNumber.values()]
    .filter((it, i, all) => all.slice(i + 1).every((later) => later.fromStep >= it.fromStep))
    .map(({ fromStep, secondsBefore, started }) => ({
      step: fromStep,
      place: axis === 'clock' ? started / 1000 : secondsBefore,
    }))
  const stops = [
    ...begins,
    ...known.flatMap((point) => {
      const place = of(point)
      return place === null ? [] : [{ step: point.step, place }]
    }),
  ].sort((one, other) => one.step - other.step || one.place - other.place)
  return {
    axis,
    of,
    ofStep(step) {
      const next = firstFrom(stops, (stop) => stop.step >= step)
      const [before, after] = [stops[next - 1], stops[next]]
      if (after === undefined) return before?.place ?? null
      if (before === undefined || after.step === step) return after.place
      return before.place + ((after.place - before.place) * (step - before.step)) / (after.step - before.step)
    },
    stepsIn({ from, to }) {
      const behind = firstFrom(stops, ({ place }) => place >= to)
      const first = firstFrom(stops, ({ place }) => place > from) - 1
      return bounded((stops[first]?.step ?? 0) - 1, stops[behind]?.step ?? MAX_STEP)
    },
  }
}

function bounded(afterStep: number, toStep: number) {
  const after = Math.min(MAX_STEP, Math.max(0, afterStep))
  return { afterStep: after, toStep: Math.min(MAX_STEP, Math.max(1, after, toStep)) }
}

/** Index of the first item that is as asked, in a list where all behind it are; its length when there is none. */
export function firstFrom<Item>(items: readonly Item[], isBehind: (item: Item) => boolean): number {
  let [low, high] = [0, items.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBehind(items[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
