import type { Findings } from './findings.ts'
import type { ImportedImage } from './images.ts'
import { createSimilarImages } from './similar-images.ts'

/** The images without those whose pixels an earlier one of their class and split has. */
export function withoutDuplicates(images: readonly ImportedImage[], findings: Findings): ImportedImage[] {
  const kept = new Map<string, ImportedImage[]>()
  return images.filter((image) => {
    const same = kept.get(image.digest)
    const other = same?.find(
      ({ label, split }) => label === image.label && (split === image.split || image.split === null),
    )
    if (other !== undefined) {
      findings.addPair(
        'DUPLICATE',
        image,
        'It has the same pixels as another picture of its class: left out.',
        other,
      )
      return false
    }
    if (same === undefined) kept.set(image.digest, [image])
    else same.push(image)
    return true
  })
}

/** Of each image, the images before it that it looks like: a few of each split. */
export type Likenesses = ReadonlyMap<ImportedImage, readonly ImportedImage[]>

/** Images between two words of how far it is. */
const TICK = 1000

/** Of each split. */
const MOST_ALIKE = 3

/**
 * @param images  each with other pixels than those of its class and split
 * @param tick  called now and then
 */
export function findLikenesses(images: readonly ImportedImage[], tick: () => void): Likenesses {
  const similar = createSimilarImages(images.length)
  const alike = new Map<ImportedImage, ImportedImage[]>()
  for (const [index, image] of images.entries()) {
    if (index % TICK === 0) tick()
    const counts = new Map<string | null, number>()
    const places = similar.add(image, (place) => {
      const { split } = images[place]!
      const count = (counts.get(split) ?? 0) + 1
      counts.set(split, count)
      return count <= MOST_ALIKE
    })
    if (places.length > 0)
      alike.set(
        image,
        places.map((place) => images[place]!),
      )
  }
  return alike
}

/** Tells of images that are the same or look alike, once all have their splits. */
export function tellOfLikenesses(
  images: readonly ImportedImage[],
  likenesses: Likenesses,
  findings: Findings,
): void {
  const byDigest = new Map<string, ImportedImage[]>()
  for (const image of images) {
    const same = byDigest.get(image.digest) ?? []
    byDigest.set(image.digest, [...same.slice(-8), image])
    const contrary = same.find(({ label }) => label !== image.label)
    if (contrary !== undefined) {
      const message = `It has the same pixels as a picture of "${contrary.label}", and its label is "${image.label}": both are kept. One of them is wrong.`
      findings.addPair('CONTRADICTION', image, message, contrary)
    }
    const leaked = same.find(({ split }) => split !== image.split)
    const alike = likenesses.get(image) ?? []
    const near = alike.filter(({ digest }) => digest !== image.digest)
    const leak = leaked ?? near.find(({ split }) => split !== image.split)
    if (leak !== undefined) {
      const [held, learned] = image.split === 'test' ? [image, leak] : [leak, image]
      const how = leaked === undefined ? 'looks like' : 'has the same pixels as'
      const message = `This test image ${how} a training image: what was learned by heart counts as known. Both are kept.`
      findings.addPair('LEAK', held, message, learned)
    }
    const twin = near.find(({ split }) => split === image.split)
    if (twin !== undefined) {
      findings.addPair(
        'NEAR_DUPLICATE',
        image,
        'It looks like another picture of its split: both are kept.',
        twin,
      )
    }
  }
}
