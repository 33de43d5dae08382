import { ArchitectureError } from './architecture.ts'
import { type Feature, NOTATIONS, notationOf } from './layers/kinds.ts'

/**
 * Reads the list notation, for example "64,64:lrn,M,256x1": a number is a 3x3 convolution of that width, `x1`
 * makes it 1x1, `:lrn` adds local response normalisation after it, `M` is a 2x2 max-pool of stride 2, and
 * `+2` adds the result from before the last two entries. White space around an entry and the case of letters do not
 * matter. How each entry is written its kind of layer says (layers/).
 *
 * @throws ArchitectureError that names the first wrong entry and its index.
 */
export function parseFeatures(text: string): Feature[] {
  const fail = (error: ArchitectureError) => {
    throw error
  }
  return readEntries(text.split(','), fail, NOTATIONS)
}

/**
 * The same for a person's list that is split already, without `+2`; every wrong entry is reported: the list is whole
 * when none is.
 * @param report  gets an ArchitectureError for each wrong entry, in order
 */
export function readFeatures(
  entries: readonly string[],
  report: (error: ArchitectureError) => void,
): Feature[] {
  const notations = NOTATIONS.filter(({ internal }) => !internal)
  return readEntries(entries, report, notations)
}

function readEntries(
  entries: readonly string[],
  report: (error: ArchitectureError) => void,
  notations: typeof NOTATIONS,
): Feature[] {
  return entries.flatMap((entry, index) => {
    const feature = parseEntry(entry.trim(), index, notations)
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
  return notationOf(feature).write(feature)
}

function parseEntry(entry: string, index: number, notations: typeof NOTATIONS): Feature | ArchitectureError {
  const wrong = (what: string) =>
    new ArchitectureError(`Feature list, ${placeOf(index, quote(entry))}: ${what}`, index)
  if (entry === '') return wrong('nothing between the commas; write a width such as 64, or M for a max-pool.')
  for (const { read } of notations) {
    const feature = read(entry)
    if (feature !== undefined) return typeof feature === 'string' ? wrong(feature) : feature
  }
  const examples = notations.map(({ example }) => example)
  return wrong(`expected ${examples.slice(0, -1).join(', ')} or ${examples.at(-1)}.`)
}

/** An entry in a message; people count from 1. */
export function placeOf(index: number, text: string): string {
  return `entry ${index + 1} (${text})`
}

/** Quoted for a message, shortened: an entry may be a megabyte of anything. */
export function quote(entry: string): string {
  return JSON.stringify(entry.length > 40 ? `${entry.slice(0, 40)}…` : entry)
}
