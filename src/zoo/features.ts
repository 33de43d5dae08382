import { ArchitectureError, type Feature } from './architecture.ts'

/** The widest layer a list may ask for: beyond it a single 3x3 layer would hold tens of gigabytes. */
export const MAX_WIDTH = 65_535

/**
 * Reads the list notation, for example "64,64:lrn,M,256x1": a number is a 3x3 convolution of that width, `x1`
 * makes it 1x1, `:lrn` adds local response normalisation after it, `M` is a 2x2 max-pool of stride 2. White
 * space around an entry and the case of letters do not matter.
 *
 * @throws ArchitectureError that names the first wrong entry and its index.
 */
export function parseFeatures(text: string): Feature[] {
  return readFeatures(text.split(','), (error) => {
    throw error
  })
}

/**
 * The same for a list that is split already, and every wrong entry is reported: the list is whole when none is.
 * @param report  gets an ArchitectureError for each wrong entry, in order
 */
export function readFeatures(
  entries: readonly string[],
  report: (error: ArchitectureError) => void,
): Feature[] {
  return entries.flatMap((entry, index) => {
    const feature = parseEntry(entry.trim(), index)
    if (!(feature instanceof ArchitectureError)) return [feature]
    report(feature)
    return []
  })
}

/** The list notation of features, without spaces; `parseFeatures` reads it back to the same list. */
export function formatFeatures(features: readonly Feature[]): string {
  return features.map(formatFeature).join(',')
}

/** One entry of the list notation. */
export function formatFeature(feature: Feature): string {
  if (feature.kind === 'pool') return 'M'
  return `${feature.width}${feature.kernel === 1 ? 'x1' : ''}${feature.lrn ? ':lrn' : ''}`
}

function parseEntry(entry: string, index: number): Feature | ArchitectureError {
  const wrong = (what: string) =>
    new ArchitectureError(`Feature list, ${placeOf(index, quote(entry))}: ${what}`, index)
  if (entry === '') return wrong('nothing between the commas; write a width such as 64, or M for a max-pool.')
  if (/^m$/i.test(entry)) return { kind: 'pool' }

  const parts = /^(?<width>\d+)(?:x(?<kernel>[^:]*))?(?::(?<suffix>.*))?$/i.exec(entry)?.groups
  if (parts === undefined) return wrong('expected a width (64), a 1x1 convolution (64x1), 64:lrn or M.')
  if (parts.kernel !== undefined && parts.kernel !== '1') {
    return wrong('only x1 may follow a width; a 3x3 convolution is written as the width alone.')
  }
  if (parts.suffix !== undefined && parts.suffix.toLowerCase() !== 'lrn') {
    return wrong('only :lrn may follow a convolution.')
  }
  const width = Number(parts.width)
  if (width < 1 || width > MAX_WIDTH) return wrong(`the width must be between 1 and ${MAX_WIDTH}.`)
  return {
    kind: 'conv',
    width,
    kernel: parts.kernel === undefined ? 3 : 1,
    lrn: parts.suffix !== undefined,
  }
}

/** An entry in a message; people count from 1. */
export function placeOf(index: number, text: string): string {
  return `entry ${index + 1} (${text})`
}

/** Quoted for a message, shortened: an entry may be a megabyte of anything. */
export function quote(entry: string): string {
  return JSON.stringify(entry.length > 40 ? `${entry.slice(0, 40)}…` : entry)
}
