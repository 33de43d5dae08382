/** How a moment in the life of a run is drawn; those first stand before the others where they are close. */
export const MARK_KINDS = {
  gap: { glyph: '▲', token: '--bad' },
  restart: { glyph: '↻', token: '--bad' },
  pause: { glyph: '‖', token: '--warn' },
  change: { glyph: 'η', token: '--warn' },
  fork: { glyph: '⑂', token: '--accent' },
  checkpoint: { glyph: '◆', token: '--line-strong' },
} as const
export type MarkKind = keyof typeof MARK_KINDS

const ORDER = Object.keys(MARK_KINDS) as MarkKind[]

/** A moment that is worth a word: where it stands, and what it was. */
export interface Mark {
  x: number
  kind: MarkKind
  label: string
}

/** Marks that are too close to be told apart by a finger. */
export interface Cluster {
  /** In pixels, of the first of them. */
  left: number
  kind: MarkKind
  marks: readonly Mark[]
}

/**
 * The marks between two places as buttons that stand at least so many pixels apart.
 * @param width  in pixels, of the whole axis
 */
export function clustersOf(
  marks: readonly Mark[],
  { from, to, width }: { from: number; to: number; width: number },
  apart: number,
): Cluster[] {
  const clusters: (Cluster & { marks: Mark[] })[] = []
  for (const mark of marks.toSorted((one, other) => one.x - other.x)) {
    if (mark.x < from || mark.x > to || from >= to) continue
    const left = (width * (mark.x - from)) / (to - from)
    const last = clusters.at(-1)
    if (last === undefined || left - last.left >= apart)
      clusters.push({ left, kind: mark.kind, marks: [mark] })
    else {
      last.marks.push(mark)
      if (ORDER.indexOf(mark.kind) < ORDER.indexOf(last.kind)) last.kind = mark.kind
    }
  }
  return clusters
}

const MAX_SAID = 6

/** What a cluster says of itself. */
export function textOf({ marks }: Pick<Cluster, 'marks'>): string {
  const said = marks.slice(0, MAX_SAID).map(({ label }) => label)
  const more = marks.length - said.length
  return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
}
