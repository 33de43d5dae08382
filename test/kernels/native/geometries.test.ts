import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../support/random.ts'
import { addon, INSTRUCTION_SETS } from './support.ts'

/*
 * Geometries of every kind with arrays that fit them: steps past the image's end, results that see nothing but padding,
 * images that no window reaches. Here guards around the arrays see what is written outside of them, and in
 * `npm run test:sanitize` AddressSanitizer whatever is read there.
 */

const GUARD = 12345.5
const ROUNDS = 60

class Arguments {
  readonly #random: () => number
  readonly #guards: Float32Array[] = []

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(this.#random() * choices.length)]
  between = (from: number, to: number) => from + Math.floor(this.#random() * (to - from + 1))
  chance = () => this.#random() < 0.5

  /** As long as given, and either alone in its memory or with guards at both ends. */
  floats(length: number): Float32Array {
    const around = this.chance() ? 32 : 0
    const all = new Float32Array(length + 2 * around).fill(GUARD)
    this.#guards.push(all.subarray(0, around), all.subarray(around + length))
    const floats = all.subarray(around, around + length)
    for (let i = 0; i < length; i++) floats[i] = this.#random() - 0.5
    return floats
  }

  expectGuards(geometry: Int32Array): void {
    for (const guard of this.#guards)
      expect(
        guard.every((value) => value === GUARD),
        `geometry ${geometry}`,
      ).toBe(true)
  }
}

/** Half of them such as Winograd's algorithm takes. */
function convolution({ oneOf, between, chance }: Arguments): number[] {
  const winograd = chance()
  const side = () => between(1, 9)
  const step = () => (winograd ? 1 : oneOf([1, 1, 2, 3, 13]))
  const channels = () => (winograd ? oneOf([32, 48, 64]) : oneOf([1, 3, 17, 33]))
  const filter = () => (winograd ? 3 : between(1, 5))
  const pad = () => oneOf([0, 1, 2, 5, 100])
  const [h, w, oh, ow] = [side(), side(), side(), side()]
  const dilation = !winograd && oneOf([true, false, false]) ? between(2, 3) : 1
  return [
    ...[between(1, 3), h, w, channels()],
    ...[filter(), filter(), step(), step(), dilation, dilation, pad(), pad()],
    ...[oh, ow, channels()],
  ]
}

function pool({ oneOf, between }: Arguments): number[] {
  const side = () => between(1, 9)
  const step = () => oneOf([1, 2, 3, 20, 2 ** 31 - 1])
  const pad = () => oneOf([0, 1, 7, 2 ** 31 - 1])
  return [
    ...[between(1, 3), side(), side(), oneOf([1, 5, 33])],
    ...[step(), step(), step(), step(), pad(), pad()],
    ...[side(), side()],
  ]
}

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  test('convolutions write nothing but their results', () => {
    for (let seed = 0; seed < ROUNDS; seed++) convolve(instructionSet, seed)
  })

  test('pools and batch norm write nothing but their results', () => {
    for (let seed = 0; seed < ROUNDS; seed++) poolAndNormalize(instructionSet, seed)
  })
})

function convolve(instructionSet: string, seed: number): void {
  addon.start(1 + (seed % 3), instructionSet)
  const args = new Arguments(seed)
  const numbers = convolution(args)
  const [n, h, w, ci, kh, kw, , , dilation, , , , oh, ow, co] = numbers
  const geometry = Int32Array.from(numbers)
  const direct = args.chance()
  const [x, dy] = [args.floats(n * h * w * ci), args.floats(n * oh * ow * co)]
  const [filter, packed] = [args.floats(kh * kw * ci * co), args.floats(addon.packedFloats(geometry, direct))]
  addon.pack(geometry, direct, args.chance(), filter, packed)
  const bias = args.chance() ? args.floats(co) : null
  addon.convolve(geometry, direct, x, packed, bias, args.chance(), null, args.floats(n * oh * ow * co))
  const blocks = n * Math.floor(oh / 2) * Math.floor(ow / 2) * co
  if (blocks > 0)
    addon.convolve(geometry, direct, x, packed, bias, true, new Uint8Array(blocks), args.floats(blocks))
  if (dilation === 1) addon.filterGradient(geometry, direct, x, dy, args.floats(kh * kw * ci * co))
  args.expectGuards(geometry)
}

function poolAndNormalize(instructionSet: string, seed: number): void {
  addon.start(1 + (seed % 3), instructionSet)
  const args = new Arguments(seed)
  const numbers = pool(args)
  const [n, h, w, c, , , , , , , oh, ow] = numbers
  const geometry = Int32Array.from(numbers)
  const [images, results] = [n * h * w * c, n * oh * ow * c]
  const x = args.floats(images)
  addon.poolForward(geometry, args.chance(), x, args.floats(results))
  addon.maxPoolGradient(geometry, x, args.floats(results), args.floats(images))
  addon.averagePoolGradient(geometry, args.floats(results), args.floats(images))

  const shape = Int32Array.of(n, h, w, c)
  const pooled = n * Math.floor(h / 2) * Math.floor(w / 2) * c
  const channels = () => args.floats(c)
  const [relu, pools] = [args.chance(), args.chance()]
  const after = pools ? pooled : images
  addon.scaleShift(shape, x, channels(), channels(), relu, pools, args.floats(after))
  const [scale, shift, mean, inverse] = [channels(), channels(), channels(), channels()]
  addon.batchNormGradient(
    ...([shape, relu, pools, x, args.floats(after), scale, shift, mean, inverse] as const),
    ...([channels(), channels(), args.floats(images)] as const),
  )
  // Any byte is a place: what is none of a block's four is nowhere.
  const places = Uint8Array.from({ length: pooled }, () => args.oneOf([0, 1, 2, 3, 4, 5, 255]))
  addon.unpoolBiasGradient(shape, args.floats(pooled), places, args.floats(images), channels())
  args.expectGuards(geometry)
}
