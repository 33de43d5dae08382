import type { Readable } from 'node:stream'

/** Characters of a line that are kept; a whole line would have to be held until its end, which may never come. */
export const MAX_LINE = 4000

/**
 * Characters that are read in WINDOW_MS; who prints more waits until they are taken. A process that prints without end
 * would otherwise have its reader's thread at 100 %, and with these 2.5 MB a second it has about 5 %.
 */
const MAX_TAKEN = 256 * 1024
const WINDOW_MS = 100

/**
 * Calls `onLine` with each line that is not empty, and with what follows the last line's end. Lines end with \n, \r\n
 * or, as a progress bar's do, with \r. Bytes that are no UTF-8 become U+FFFD. A line with more than `maxLength`
 * characters (UTF-16 code units) is cut and says so.
 */
export function eachLine(input: Readable | null, onLine: (line: string) => void, maxLength = MAX_LINE): void {
  let line = ''
  let cut = 0
  let taken = 0
  let windowEnds = 0

  function take(piece: string): void {
    let kept = cut > 0 ? '' : piece.slice(0, maxLength - line.length)
    // Half of a surrogate pair is no text.
    if (kept.length < piece.length && /[\uD800-\uDBFF]$/.test(kept)) kept = kept.slice(0, -1)
    line += kept
    cut += piece.length - kept.length
  }

  function pace(characters: number): void {
    const now = performance.now()
    if (now >= windowEnds) {
      windowEnds = now + WINDOW_MS
      taken = 0
    }
    taken += characters
    if (taken < MAX_TAKEN) return
    input?.pause()
    setTimeout(() => input?.resume(), windowEnds - now)
  }

  function end(): void {
    if (line !== '') onLine(cut === 0 ? line : `${line}… (${cut} more)`)
    line = ''
    cut = 0
  }

  if (input === null) return
  input
    .setEncoding('utf8')
    .on('data', (text: string) => {
      pace(text.length)
      for (const [i, piece] of text.split(/[\r\n]/).entries()) {
        if (i > 0) end()
        take(piece)
      }
    })
    .on('end', end)
}
