import { Random } from '../../random.ts'
import type { Likenesses } from './duplicates.ts'
import type { ImportedImage } from './images.ts'
import type { ImportJob } from './protocol.ts'

/** Keys of random streams, beside the seed. */
const TEST_IMAGES = 1
const ORDER = 2

/**
 * What the images of one origin say of their splits: where some are for testing, all that say nothing are for training;
 * where none is, all are to be split by a share, and say nothing after this.
 */
export function settleSplits(images: readonly ImportedImage[]): void {
  const hasBoth = images.some(({ split }) => split === 'test') && images.some(({ split }) => split !== 'test')
  for (const image of images) image.split = hasBoth ? (image.split ?? 'train') : null
}

/**
 * Gives every image that has none a split: of each class the share for testing, chosen by the seed, at least one where
 * it has two, and never all. Pictures of a class that look alike stay together, as far as that leaves both splits some.
 */
export function chooseSplits(
  images: readonly ImportedImage[],
  classes: readonly string[],
  likenesses: Likenesses,
  { testShare, seed }: ImportJob['split'],
): void {
  const open = new Map<string, ImportedImage[]>(classes.map((name) => [name, []]))
  for (const image of images) if (image.split === null) open.get(image.label)!.push(image)
  for (const [index, name] of classes.entries()) {
    const own = open.get(name)!
    const wanted = Math.min(own.length - 1, Math.max(1, Math.round(own.length * testShare)))
    const groups = groupsOf(own, likenesses)
    const order = new Random(seed, TEST_IMAGES, index).permutation(groups.length)
    let rest = wanted
    for (const place of order) {
      const group = groups[place]!
      const isTest = group.length <= rest
      if (isTest) rest -= group.length
      for (const image of group) image.split = isTest ? 'test' : 'train'
    }
    if (wanted <= 0 || rest < wanted) continue
    // They come in groups larger than the share, or all of them look alike.
    const smallest = groups.reduce((one, other) => (other.length < one.length ? other : one))
    for (const image of groups.length > 1 ? smallest : own.slice(-wanted)) image.split = 'test'
  }
}

/** Images that look alike, directly or by others between them; each image is in one group. */
function groupsOf(images: readonly ImportedImage[], likenesses: Likenesses): ImportedImage[][] {
  const groups = new Map<ImportedImage, ImportedImage[]>()
  const [label] = images.map((image) => image.label)
  for (const image of images) {
    let group = [image]
    groups.set(image, group)
    for (const other of likenesses.get(image) ?? []) {
      const known = other.label === label ? groups.get(other) : undefined
      if (known === undefined || known === group) continue
      for (const member of group) {
        known.push(member)
        groups.set(member, known)
      }
      group = known
    }
  }
  return [...new Set(groups.values())]
}

/** Brings images into the order that they are kept in, and says each its place: those that have one of their own, then the others, shuffled by the seed. */
export function orderImages(images: readonly ImportedImage[], seed: number): ImportedImage[] {
  const ordered = images.filter(({ order }) => order !== null)
  const others = images.filter(({ order }) => order === null)
  const shuffled = [...new Random(seed, ORDER).permutation(others.length)].map((place) => others[place]!)
  const count = { train: 0, test: 0 }
  for (const image of [...ordered, ...shuffled]) image.index = count[image.split!]++
  return [...ordered, ...shuffled]
}
