/**
 * Whether it is time to tell of something again: not within `ms` milliseconds of the last time.
 *
 * @returns asks for one thing, and takes a yes as told
 */
export function createThrottle(ms: number): (what: string) => boolean {
  const told = new Set<string>()
  return (what) => {
    if (told.has(what)) return false
    told.add(what)
    setTimeout(() => told.delete(what), ms).unref()
    return true
  }
}
