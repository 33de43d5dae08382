import { ValidationError } from '../errors.ts'
import { LABEL, readLabel } from '../label.ts'
import { type Architecture, ArchitectureError, type Head } from './architecture.ts'
import { placeOf, quote, readFeatures } from './features.ts'
import { MAX_WIDTH } from './layers/kind.ts'
import { analyzeWithin } from './limits.ts'

/** A network as a person describes it. */
export interface ArchitectureInput {
  name: string
  /** For people; the name when left out. */
  title?: string
  /** The list notation: "64,64,M,128,256x1,M". */
  features: string
  batchNorm: boolean
  /** [height, width] in pixels. */
  inputSize: readonly number[]
  classes: number
  head: Head
}

export const ARCHITECTURE_DEFAULTS = {
  batchNorm: false,
  inputSize: [32, 32],
  classes: 10,
  /** The paper's. */
  pooled: { size: 7, hidden: [4096, 4096], dropout: 0.5 },
  flat: { hidden: [], dropout: 0 },
} as const

/** VGG-19 has 21 entries: 16 convolutions and 5 pools. */
const MAX_ENTRIES = 64
/** Room for 64 of the longest entries with white space around them; what is longer is not looked into. */
const MAX_LIST_LENGTH = 2048
const MAX_HIDDEN = 8
const MAX_EDGE = 1024
const MAX_POOLED = 64
const NAME = /^[A-Za-z][\w.-]{0,63}$/
const CHANNELS = 3

/**
 * The network that an input describes, known to work on its input size.
 *
 * @throws ValidationError with an issue for each wrong value, and for each wrong entry of the list
 */
export function resolveArchitecture(input: ArchitectureInput, maxParameters: number): Architecture {
  const { name, title, batchNorm, inputSize, classes, head } = input
  const issues: { path: string[]; message: string }[] = []
  const wrong = (path: string[], message: string) => void issues.push({ path, message })
  const whole = (path: string[], what: string, value: number, most: number) => {
    if (Number.isInteger(value) && value >= 1 && value <= most) return
    wrong(path, `${what} is ${value}; it must be a whole number from 1 to ${most}.`)
  }

  if (!NAME.test(name)) {
    wrong(['name'], 'A name begins with a letter and has at most 64 letters, digits, "_", "." and "-".')
  }
  const shown = title === undefined ? name : readLabel(title)
  if (shown === null) wrong(['title'], `A title has ${LABEL}`)
  const features = readList(input.features, (message) => wrong(['features'], message))
  if (inputSize.length !== 2) {
    wrong(['inputSize'], `The input size is [height, width], two numbers and not ${inputSize.length}.`)
  } else {
    whole(['inputSize'], 'The input height', inputSize[0], MAX_EDGE)
    whole(['inputSize'], 'The input width', inputSize[1], MAX_EDGE)
  }
  whole(['classes'], 'The number of classes', classes, MAX_WIDTH)
  const hidden = ['head', head.kind, 'hidden']
  if (head.hidden.length > MAX_HIDDEN) {
    wrong(hidden, `There are ${head.hidden.length} hidden dense layers; at most ${MAX_HIDDEN} are allowed.`)
  } else {
    head.hidden.forEach((units, index) => {
      whole(hidden, `The width of hidden dense layer ${index + 1}`, units, MAX_WIDTH)
    })
  }
  if (head.kind === 'pooled') {
    whole(['head', 'pooled', 'size'], 'The size of the average pool', head.size, MAX_POOLED)
  }
  if (!(head.dropout >= 0 && head.dropout < 1)) {
    wrong(['head', head.kind, 'dropout'], `It is ${head.dropout}; it must be at least 0 and below 1.`)
  }
  if (issues.length > 0) throw new ValidationError(issues)

  const architecture: Architecture = {
    name,
    title: shown!,
    origin: 'CUSTOM',
    configuration: null,
    features,
    batchNorm,
    inputShape: [inputSize[0], inputSize[1], CHANNELS],
    classes,
    head,
  }
  try {
    analyzeWithin(architecture, maxParameters)
  } catch (error) {
    if (!(error instanceof ArchitectureError)) throw error
    const inList = error.entry !== null || !features.some(({ kind }) => kind === 'conv')
    throw new ValidationError([{ path: [inList ? 'features' : 'head'], message: error.message }])
  }
  return architecture
}

function readList(text: string, wrong: (message: string) => void) {
  if (text.length > MAX_LIST_LENGTH) {
    wrong(
      `The list has ${text.length} characters; ${MAX_ENTRIES} entries, which are allowed, need no more than ${MAX_LIST_LENGTH}.`,
    )
    return []
  }
  const entries = text.split(',')
  if (entries.length > MAX_ENTRIES) {
    wrong(
      `Feature list, ${placeOf(MAX_ENTRIES, quote(entries[MAX_ENTRIES].trim()))}: one too many of ${entries.length}. ` +
        `A list has at most ${MAX_ENTRIES} entries, convolutions and pools together.`,
    )
  }
  return readFeatures(entries.slice(0, MAX_ENTRIES), ({ message }) => wrong(message))
}
