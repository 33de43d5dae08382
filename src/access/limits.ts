import { toBytes } from '../bytes.ts'

/** So much in so long. */
export interface Rate {
  readonly most: number
  readonly ms: number
}

/** What one owner, or one address where nobody is known, may have; null for as much as they like. */
export interface Limits {
  /** Points: what operations cost, and OPERATION_COST for each. */
  readonly operations: Rate | null
  /** Pictures to classify. */
  readonly predictions: Rate | null
  /** Bytes of requests with files. */
  readonly uploads: Rate | null
  /** Wrong tokens, by address. */
  readonly attempts: Rate | null
  /** WebSockets that are open at once. */
  readonly sockets: number | null
  readonly subscriptions: number | null
  /** Runs that wait. Where nobody is known, they are bounded for all together. */
  readonly queued: number | null
}

/** In the points of operations: what reading, checking and answering each takes, whatever it asks for. */
export const OPERATION_COST = 10

const MINUTE = 60_000

/** A hundred predictions a second, and nobody who works with the dashboard comes near the others. */
export const USUAL_LIMITS: Limits = {
  operations: { most: 1_000_000, ms: MINUTE },
  predictions: { most: 6000, ms: MINUTE },
  uploads: { most: 16 * 2 ** 30, ms: 60 * MINUTE },
  attempts: { most: 20, ms: MINUTE },
  sockets: 100,
  subscriptions: 1000,
  queued: 20,
}

export const NO_LIMITS: Limits = {
  operations: null,
  predictions: null,
  uploads: null,
  attempts: null,
  sockets: null,
  subscriptions: null,
  queued: null,
}

/**
 * The usual ones but for those that the text names: "off" for none at all, else such as
 * "operations=100000/1m, uploads=2GiB/1h, sockets=10, queued=off".
 * @returns null for what is none
 */
export function readLimits(text: string): Limits | null {
  if (text === 'off') return NO_LIMITS
  const limits: Record<string, Rate | number | null> = { ...USUAL_LIMITS }
  for (const part of text.split(',')) {
    const [, name, value] = /^\s*([a-z]+)=(\S+)\s*$/.exec(part) ?? []
    if (name === undefined || !Object.hasOwn(USUAL_LIMITS, name)) return null
    const limit = value === 'off' ? null : readLimit(name as keyof Limits, value!)
    if (limit === undefined) return null
    limits[name] = limit
  }
  return limits as unknown as Limits
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: MINUTE, h: 60 * MINUTE }

/** Undefined for what is no limit of this name. */
function readLimit(name: keyof Limits, value: string): Rate | number | undefined {
  if (typeof USUAL_LIMITS[name] === 'number') return /^[1-9]\d{0,5}$/.test(value) ? Number(value) : undefined
  const [, most, unit, count, time] = /^([1-9]\d{0,11})([KMG]iB)?\/([1-9]\d{0,2})([smh])$/.exec(value) ?? []
  if (most === undefined || (unit !== undefined && name !== 'uploads')) return undefined
  return { most: toBytes(`${most}${unit ?? ''}`), ms: Number(count) * UNIT_MS[time!]! }
}
