import { UnauthenticatedError } from '../errors.ts'
import { createBound, createBudget } from './budget.ts'
import { type Limits, OPERATION_COST } from './limits.ts'
import type { Viewer } from './viewer.ts'

/** What somebody may have still. Everything throws TooManyRequestsError where that is nothing. */
export interface Quota {
  /** Before anything else is done for an operation. */
  operation(): void
  /** When it is known what it asks for, and before it is executed; throws nothing, and asks for the points where they count. */
  cost(points: () => number): void
  predictions(pictures: number): void
  upload(bytes: number): void
  /** @returns gives it back */
  socket(): () => void
  /** @returns gives it back */
  subscription(): () => void
}

export interface Quotas {
  /** Of an owner, or an address. */
  of(who: string): Quota
  /**
   * Lets in whom `identify` knows by a secret that came from an address. When too many wrong ones did, nobody is looked at
   * but whose owner was known from there before: so who guesses learns nothing, and keeps nobody out.
   * @throws UnauthenticatedError of `identify`; TooManyRequestsError
   */
  attempt(address: string, identify: () => Viewer): Viewer
}

export interface QuotaOptions {
  limits: Limits
  /** Somebody has used up what a limit allows: once in its time, or in a minute. */
  onUsedUp?(limit: keyof Limits, who: string): void
  /** An operation was refused. */
  onRefused?(): void
}

export function createQuotas({ limits, onUsedUp = () => {}, onRefused = () => {} }: QuotaOptions): Quotas {
  const budgetOf = (name: 'operations' | 'predictions' | 'uploads' | 'attempts', what: string) => {
    const rate = limits[name]
    return rate === null ? null : createBudget(rate, what, (who) => onUsedUp(name, who))
  }
  const boundOf = (name: 'sockets' | 'subscriptions', what: string) => {
    const most = limits[name]
    return most === null ? () => () => {} : createBound(most, what, (who) => onUsedUp(name, who))
  }
  const operations = budgetOf('operations', 'points of operations')
  const predictions = budgetOf('predictions', 'pictures to classify')
  const uploads = budgetOf('uploads', 'bytes of uploads')
  const sockets = boundOf('sockets', 'WebSockets')
  const subscriptions = boundOf('subscriptions', 'subscriptions')

  return {
    of: (who) => ({
      operation() {
        try {
          operations?.check(who)
        } catch (error) {
          onRefused()
          throw error
        }
        operations?.spend(who, OPERATION_COST)
      },
      cost: (points) => operations?.spend(who, points()),
      predictions(pictures) {
        predictions?.check(who)
        predictions?.spend(who, pictures)
      },
      upload(bytes) {
        uploads?.check(who)
        uploads?.spend(who, bytes)
      },
      socket: () => sockets(who),
      subscription: () => subscriptions(who),
    }),
    attempt: createAttempts(budgetOf('attempts', 'wrong tokens from an address')),
  }
}

/** Addresses that are remembered of an owner; of more, the first one is forgotten. */
const MOST_ADDRESSES = 1000

function createAttempts(failures: ReturnType<typeof createBudget> | null): Quotas['attempt'] {
  if (failures === null) return (_address, identify) => identify()
  /** Where owners were known from. */
  const known = new Map<string, Set<string>>()

  function remember({ id }: Viewer, address: string): void {
    let addresses = known.get(id)
    if (addresses === undefined) {
      addresses = new Set()
      known.set(id, addresses)
    }
    if (addresses.has(address)) return
    addresses.add(address)
    if (addresses.size > MOST_ADDRESSES) addresses.delete(addresses.values().next().value!)
  }

  return (address, identify) => {
    let viewer: Viewer
    try {
      viewer = identify()
    } catch (error) {
      if (error instanceof UnauthenticatedError) {
        failures.check(address)
        failures.spend(address, 1)
      }
      throw error
    }
    if (known.get(viewer.id)?.has(address) !== true) {
      failures.check(address)
      remember(viewer, address)
    }
    return viewer
  }
}
