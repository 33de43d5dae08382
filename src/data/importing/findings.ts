import { type Finding, MAX_FINDINGS } from './protocol.ts'

type Kind = Finding['kind']

/** What an import notices, told in batches: of each kind the first ones, and of all how many they are. */
export interface Findings {
  /** @param path  in the origin, or the class; what is too long to be read is cut */
  add(kind: Kind, path: string, message: string, other?: string | null): void
  /** How many there are of each kind that there is. */
  readonly counts: Partial<Record<Kind, number>>
  /** Tells what was not told yet. */
  flush(): void
}

const BATCH = 100
const LONGEST = 300

export function createFindings(tell: (findings: Finding[]) => void): Findings {
  const counts: Partial<Record<Kind, number>> = {}
  let untold: Finding[] = []
  function flush(): void {
    if (untold.length === 0) return
    tell(untold)
    untold = []
  }
  return {
    counts,
    add(kind, path, message, other = null) {
      counts[kind] = (counts[kind] ?? 0) + 1
      if (counts[kind] > MAX_FINDINGS) return
      untold.push({
        kind,
        path: readable(path),
        message: withoutControls(message),
        other: other === null ? null : readable(other),
      })
      if (untold.length >= BATCH) flush()
    },
    flush,
  }
}

/** A text of a stranger as it can be shown: without what is no character, and not endless. */
export function readable(text: string): string {
  return withoutControls(text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`)
}

function withoutControls(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd').replace(/[\p{Cc}\u2028\u2029]/gu, (control) => {
    const code = control.codePointAt(0)!
    return `\\u${code.toString(16).padStart(4, '0')}`
  })
}
