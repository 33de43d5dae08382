import type { Random } from '../../random.ts'

/** How the images of a batch are blended in pairs. */
export interface Mixture {
  /** The second image of each: an order of the batch. */
  partners: Uint32Array
  /** Of the first image, from a half to 1. */
  share: number
}

/**
 * A share from Beta(alpha, alpha) for the whole batch, as the authors' own code has it. The larger share is that of the
 * first image: of the pairs that a random order makes, each is as likely the other way round.
 *
 * @param random  of this batch
 */
export function drawMixture(alpha: number, size: number, random: Random): Mixture {
  const partners = random.permutation(size)
  const share = beta(alpha, random)
  return { partners, share: Math.max(share, 1 - share) }
}

/** Blends the images of a batch in place: x [size, length]. */
export function mixImages(x: Float32Array, length: number, { partners, share }: Mixture): void {
  const image = (i: number) => x.subarray(i * length, (i + 1) * length)
  const done = new Uint8Array(partners.length)
  for (let start = 0; start < partners.length; start++) {
    if (done[start] === 1 || partners[start] === start) continue
    // Around a circle of partners: of each, the partner is still what it was, but for the last one's.
    const first = image(start).slice()
    for (let i = start; done[i] === 0; i = partners[i]) {
      done[i] = 1
      blend(image(i), partners[i] === start ? first : image(partners[i]), share)
    }
  }
}

function blend(image: Float32Array, other: Float32Array, share: number): void {
  for (let at = 0; at < image.length; at++) image[at] = share * image[at] + (1 - share) * other[at]
}

/** One value from Beta(alpha, alpha): a / (a + b) of two gamma variables, by their logarithms, as small alphas make tiny ones. */
function beta(alpha: number, random: Random): number {
  const difference = logGamma(alpha, random) - logGamma(alpha, random)
  return 1 / (1 + Math.exp(-difference))
}

/** The logarithm of a value from Gamma(alpha, 1): Marsaglia and Tsang, ACM Transactions on Mathematical Software 26(3), 2000. */
function logGamma(alpha: number, random: Random): number {
  // Of a smaller alpha it is one of alpha + 1 times u^(1 / alpha).
  const boost = alpha < 1 ? Math.log(positive(random)) / alpha : 0
  const d = (alpha < 1 ? alpha + 1 : alpha) - 1 / 3
  for (;;) {
    const normal = random.normal(1, 1)[0]!
    const v = (1 + normal / Math.sqrt(9 * d)) ** 3
    if (v <= 0) continue
    if (Math.log(positive(random)) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) {
      return Math.log(d * v) + boost
    }
  }
}

/** In (0, 1]. */
function positive(random: Random): number {
  return (random.next() + 1) / 2 ** 32
}
