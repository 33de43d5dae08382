/** What the time of a run is spent on, in the order of the API. */
export const PHASES = [
  'frozenLayers',
  'data',
  'forwardBackward',
  'optimizer',
  'evaluation',
  'saving',
] as const
export type Phase = (typeof PHASES)[number]

/** Seconds spent on each phase. */
export type PhaseSeconds = Record<Phase, number>
