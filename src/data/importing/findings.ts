import type { ImportedImage } from './images.ts'
import { type Finding, MAX_FINDINGS, type Place } from './protocol.ts'

type Kind = Finding['kind']

/** What an import notices, told in batches: of each kind the first ones, and of all how many they are. */
export interface Findings {
  /** @param path  in the origin, or the class; what is too long to be read is cut */
  add(kind: Kind, path: string, message: string, other?: string | null): void
  /** Of two images; told when it is known where they are in the data set, by `flush`. */
  addPair(kind: Kind, image: ImportedImage, message: string, other: ImportedImage): void
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
  let pairs: { finding: Finding; image: ImportedImage; other: ImportedImage }[] = []

  /** Null for one too many of its kind. */
  function noted(kind: Kind, path: string, message: string, other: string | null): Finding | null {
    counts[kind] = (counts[kind] ?? 0) + 1
    if (counts[kind] > MAX_FINDINGS) return null
    return {
      kind,
      path: readable(path),
      message: withoutControls(message),
      other: other === null ? null : readable(other),
      place: null,
      otherPlace: null,
    }
  }
  function put(finding: Finding): void {
    untold.push(finding)
    if (untold.length >= BATCH) tellAll()
  }
  function tellAll(): void {
    if (untold.length === 0) return
    tell(untold)
    untold = []
  }
  return {
    counts,
    add(kind, path, message, other = null) {
      const finding = noted(kind, path, message, other)
      if (finding !== null) put(finding)
    },
    addPair(kind, image, message, other) {
      const finding = noted(kind, image.path, message, other.path)
      if (finding !== null) pairs.push({ finding, image, other })
    },
    flush() {
      for (const { finding, image, other } of pairs) {
        put({ ...finding, place: placeOf(image), otherPlace: placeOf(other) })
      }
      pairs = []
      tellAll()
    },
  }
}

function placeOf({ split, index }: ImportedImage): Place | null {
  return split === null || index === null ? null : { split, index }
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
