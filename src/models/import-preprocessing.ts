import { analyze } from '../zoo/analysis.ts'
import { type Architecture, ArchitectureError } from '../zoo/architecture.ts'
import { fitArchitecture } from '../zoo/fit.ts'
import { COVER, type Preprocessing, RESIZE_RULES, type Resize } from './preprocessing.ts'

/** What whoever imports weights says of their pictures. What is left out comes from the file, or a default. */
export interface PreprocessingInput {
  size?: readonly number[]
  resize?: Resize['rule']
  shorterSide?: number
  mean?: readonly number[]
  std?: readonly number[]
  labels?: readonly string[]
}

interface Issue {
  path: string[]
  message: string
}

/**
 * What torchvision's, timm's and most other ImageNet weights were trained with: pixels in 0..1, scaled until the
 * shorter side has 256, cropped to 224 x 224 (pytorch.org/vision, "Initializing pre-trained models").
 */
const IMAGENET = {
  size: [224, 224],
  classes: 1000,
  resize: { rule: 'COVER', shorterSide: 256 } satisfies Resize,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const

const MAX_SIDE = 1024
const MAX_LABEL = 200

/**
 * How pictures become the input of weights that are being imported, and the network of that size and that many
 * classes.
 *
 * @param inFile  what the file says of itself
 */
export function resolvePreprocessing(
  input: PreprocessingInput,
  inFile: Preprocessing | null,
  architecture: Architecture,
): { preprocessing: Preprocessing; architecture: Architecture } | { issues: Issue[] } {
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
  const labels = input.labels ?? inFile?.labels ?? classNumbers(architecture.classes)
  if (labels.length < 1 || labels.length > 65_535) wrong('labels', 'From 1 to 65535 labels.')
  const bad = labels.findIndex(
    (label) => label.trim() === '' || label.length > MAX_LABEL || label.includes('\0'),
  )
  if (bad >= 0) {
    wrong(
      'labels',
      `Label ${bad} must have 1 to ${MAX_LABEL} characters, not all of them blank and none of them NUL.`,
    )
  }

  const isImageNet =
    size[0] === IMAGENET.size[0] && size[1] === IMAGENET.size[1] && labels.length === IMAGENET.classes
  const known = inFile ?? (isImageNet ? IMAGENET : null)
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
  { resize, shorterSide }: PreprocessingInput,
  base: Resize,
  side: number,
  wrong: (field: 'resize' | 'shorterSide', message: string) => void,
): Resize {
  const rule = resize ?? (shorterSide === undefined ? base.rule : 'COVER')
  if (rule === 'STRETCH') {
    if (shorterSide !== undefined) wrong('shorterSide', 'Only COVER has a shorter side.')
    return { rule, shorterSide: null }
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
    (resize.shorterSide === null || typeof resize.shorterSide === 'number')
  )
}
