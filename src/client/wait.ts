/** Waits, or throws the reason of the signal as soon as it is aborted. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

const FIRST_MS = 100
/** A server that is there again is to be noticed within a second. */
const USUAL_MS = 700
/** Who has waited for so many tries, some minutes, waits for a person. */
const PATIENT_AFTER = 300
const PATIENT_MS = 5000

/** Milliseconds before another try, the first of which is 0; scattered, so that clients do not come back all at once. */
export function pauseBefore(tries: number): number {
  const most = tries < PATIENT_AFTER ? USUAL_MS : PATIENT_MS
  return Math.min(most, FIRST_MS * 2 ** tries) * (0.7 + 0.3 * Math.random())
}
