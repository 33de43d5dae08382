import { LABEL, readLabel } from '../label.ts'
import { COLOUR, COVER, RESIZE_RULES, type Resize } from '../pictures/resize.ts'
import { analyze } from '../zoo/analysis.ts'
import { type Architecture, ArchitectureError } from '../zoo/architecture.ts'
import { fitArchitecture } from '../zoo/fit.ts'
import type { Naming } from '../zoo/formats/naming.ts'
import type { Preprocessing } from './preprocessing.ts'

/** How pictures become the input of imported weights. What is left out comes from the file, or a default. */
export interface PreprocessingInput {
  size?: readonly number[]
  resize?: Resize['rule']
  shorterSide?: number
  /** With CONTAIN: "#rrggbb". */
  background?: string
  mean?: readonly number[]
  std?: readonly number[]
  labels?: readonly string[]
  /** The order of the channels; BGR weights are turned to RGB, and mean and std are R, G, B in any case. */
  channels?: ChannelOrder
}

interface Issue {
  path: string[]
  message: string
}

/** The order of the channels that weights were trained with. */
export const CHANNEL_ORDERS = ['RGB', 'BGR'] as const
export type ChannelOrder = (typeof CHANNEL_ORDERS)[number]

/** What is known of the pictures that weights were made for, whoever imports them. */
interface Known extends Pick<Preprocessing, 'resize' | 'mean' | 'std'> {
  channels: ChannelOrder
}

const IMAGENET = { size: [224, 224], classes: 1000 } as const
/** Scaled until the shorter side has 256, then cropped to 224 x 224, is how ImageNet weights are tested. */
const IMAGENET_RESIZE: Resize = { rule: 'COVER', shorterSide: 256 }

/** ImageNet weights by the naming of their file; null for those whose makers do not agree. */
const IMAGENET_WEIGHTS: Readonly<Record<Naming['kind'] | 'layersModel', Known | null>> = {
  // pytorch.org/vision, "Initializing pre-trained models"; timm's are the same.
  torchvision: {
    resize: IMAGENET_RESIZE,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    channels: 'RGB',
  },
  get timm() {
    return this.torchvision
  },
  // keras.io, applications.vgg16.preprocess_input: BGR, 0..255, less the mean of ImageNet, as in Caffe.
  keras: {
    resize: IMAGENET_RESIZE,
    mean: [123.68 / 255, 116.779 / 255, 103.939 / 255],
    std: [1 / 255, 1 / 255, 1 / 255],
    channels: 'BGR',
  },
  ordered: null,
  layersModel: null,
}

/** What files of weights tell before they are read. */
export interface WeightsFile {
  inFile: Preprocessing | null
  format: Naming['kind'] | 'layersModel'
  outputs: number | null
}

const MAX_SIDE = 1024
/** Of all labels together: they stand in the header of a safetensors file, which has a limit of its own. */
const MAX_LABELS_BYTES = 256 * 1024

/**
 * How pictures become the input of weights that are being imported, and the network of that size and that many
 * classes.
 *
 * @param file  what it says of itself, its naming, which decides what is taken for granted of ImageNet weights, and how
 *   many values its network answers (null where that is not known)
 */
export function resolvePreprocessing(
  input: PreprocessingInput,
  { inFile, format, outputs }: WeightsFile,
  architecture: Architecture,
):
  | { preprocessing: Preprocessing; architecture: Architecture; channels: ChannelOrder }
  | { issues: Issue[] } {
  const issues: Issue[] = []
  const wrong = (field: keyof PreprocessingInput, message: string) =>
    issues.push({ path: ['preprocessing', field], message })

  const size = input.size ?? inFile?.size ?? architecture.inputShape.slice(0, 2)
  if (size.length !== 2 || !size.every((side) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE)) {
    wrong(
      'size',
      `[height, width] in pixels, each from 1 to ${MAX_SIDE}, not [${size.slice(0, 5).join(', ')}].`,
    )
  }
  const given = input.labels ?? inFile?.labels ?? classNumbers(architecture.classes)
  const labels = given.map((label) => readLabel(label) ?? label)
  if (labels.length < 1 || labels.length > 65_535) wrong('labels', 'From 1 to 65535 labels.')
  const bad = labels.findIndex((label) => readLabel(label) === null)
  if (bad >= 0) wrong('labels', `Label ${bad} must have ${LABEL}`)
  if (Buffer.byteLength(JSON.stringify(labels)) > MAX_LABELS_BYTES) {
    wrong('labels', `All labels together must have at most ${MAX_LABELS_BYTES} bytes.`)
  }
  if (outputs !== null && outputs !== labels.length && issues.every(({ path }) => path[1] !== 'labels')) {
    const said = input.labels ?? inFile?.labels
    wrong(
      'labels',
      said === undefined
        ? `The weights have ${count(outputs, 'output')}, and ${architecture.name} has ${architecture.classes}: give ${count(outputs, 'label')}.`
        : `${count(labels.length, 'label')} for ${count(outputs, 'output')}.`,
    )
  }

  const isImageNet =
    size[0] === IMAGENET.size[0] && size[1] === IMAGENET.size[1] && labels.length === IMAGENET.classes
  const known: Known | null = inFile
    ? { ...inFile, channels: 'RGB' }
    : isImageNet
      ? IMAGENET_WEIGHTS[format]
      : null
  const mean = input.mean ?? known?.mean
  const std = input.std ?? known?.std
  for (const [field, values] of [
    ['mean', mean],
    ['std', std],
  ] as const) {
    if (values === undefined) {
      wrong(field, `Say how pictures were normalised in training: (pixel / 255 - mean) / std for R, G and B.`)
    } else if (
      values.length !== 3 ||
      !values.every((value) => Number.isFinite(value) && Math.abs(value) <= 1000)
    ) {
      wrong(
        field,
        `Three numbers, for R, G and B of a pixel in 0..1, not [${values.slice(0, 5).join(', ')}].`,
      )
    } else if (field === 'std' && !values.every((value) => value > 0)) {
      wrong(field, 'Three numbers above 0.')
    } else if (values.some((value) => value > 1)) {
      wrong(
        field,
        `[${values.join(', ')}] looks like the ${field} of pixels in 0..255, and pixels are in 0..1 here: divide it by 255.`,
      )
    }
  }
  const resize = resolveResize(input, known?.resize ?? COVER, Math.max(...size), wrong)

  let fitted = architecture
  if (issues.length === 0) {
    fitted = fitArchitecture(architecture, [size[0]!, size[1]!, 3], labels.length)
    try {
      analyze(fitted)
    } catch (error) {
      if (!(error instanceof ArchitectureError)) throw error
      wrong('size', error.message)
    }
  }
  if (issues.length > 0) return { issues }
  return {
    architecture: fitted,
    channels: input.channels ?? known?.channels ?? 'RGB',
    preprocessing: {
      size: [size[0]!, size[1]!],
      resize,
      mean: mean as [number, number, number],
      std: std as [number, number, number],
      labels: [...labels],
    },
  }
}

function resolveResize(
  { resize, shorterSide, background }: PreprocessingInput,
  base: Resize,
  side: number,
  wrong: (field: 'resize' | 'shorterSide' | 'background', message: string) => void,
): Resize {
  const rule = resize ?? (shorterSide === undefined ? base.rule : 'COVER')
  if (background !== undefined) {
    if (rule !== 'CONTAIN') wrong('background', 'Only CONTAIN has a colour around the picture.')
    else if (!COLOUR.test(background)) wrong('background', 'A colour as #rrggbb, such as #808080.')
  }
  if (rule !== 'COVER') {
    if (shorterSide !== undefined) wrong('shorterSide', 'Only COVER has a shorter side.')
    if (rule === 'STRETCH') return { rule, shorterSide: null }
    return { rule, shorterSide: null, background: background ?? base.background ?? '#000000' }
  }
  // A rule that was asked for does not take over what belongs to another one.
  const wanted = shorterSide ?? (resize === undefined ? base.shorterSide : null)
  if (wanted === null) return { rule, shorterSide: null }
  if (Number.isInteger(wanted) && wanted >= side && wanted <= 4 * MAX_SIDE)
    return { rule, shorterSide: wanted }
  // What was not asked for was meant for another size.
  if (shorterSide === undefined) return { rule, shorterSide: null }
  wrong('shorterSide', `A whole number from ${side}, the longer side of the input, to ${4 * MAX_SIDE}.`)
  return COVER
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`

/** For weights whose classes nobody names. */
function classNumbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `class ${index}`)
}

/** What a file that vggzoo wrote says of its pictures; null for what another program wrote. */
export function preprocessingInFile(metadata: Record<string, unknown>): Preprocessing | null {
  let said: unknown = metadata.preprocessing
  if (typeof said === 'string') {
    try {
      said = JSON.parse(said)
    } catch {
      return null
    }
  }
  return isPreprocessing(said) ? said : null
}

function isPreprocessing(value: unknown): value is Preprocessing {
  if (typeof value !== 'object' || value === null) return false
  const { size, resize, mean, std, labels } = value as Partial<Preprocessing>
  const numbers = (list: unknown, length: number) =>
    Array.isArray(list) && list.length === length && list.every((item) => typeof item === 'number')
  return (
    numbers(size, 2) &&
    numbers(mean, 3) &&
    numbers(std, 3) &&
    Array.isArray(labels) &&
    labels.every((label) => typeof label === 'string') &&
    typeof resize === 'object' &&
    resize !== null &&
    RESIZE_RULES.includes(resize.rule) &&
    (resize.shorterSide === null || typeof resize.shorterSide === 'number') &&
    (resize.background === undefined || COLOUR.test(resize.background))
  )
}
