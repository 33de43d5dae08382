const WINDOW_MS = 60_000
/** Of one address, and of all, in a minute. */
const MOST = { ofOne: 10, ofAll: 100 }

/**
 * Lets so many failed attempts to sign in be told, whoever tries how many: a flood of guesses is no flood of rows.
 * @returns null for one that is not to be told; else how many were not told since the last that was
 */
export function createSignInLimit(): (address: string, now: number) => number | null {
  let began = 0
  let told = 0
  let leftOut = 0
  const byAddress = new Map<string, number>()
  return (address, now) => {
    if (now - began >= WINDOW_MS) {
      began = now
      told = 0
      byAddress.clear()
    }
    const before = byAddress.get(address) ?? 0
    if (before === MOST.ofOne || told === MOST.ofAll) {
      leftOut += 1
      return null
    }
    byAddress.set(address, before + 1)
    told += 1
    const missing = leftOut
    leftOut = 0
    return missing
  }
}
