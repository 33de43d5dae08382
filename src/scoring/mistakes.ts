/**
 * Every image that a network took for another class, as the database keeps them: beside an evaluation, whose JSON has
 * the worst ones alone. A record has the place in the test split (4 bytes, little-endian), the true and the predicted
 * class (2 bytes each), and the probability of each class (4 bytes, float32): 48 bytes where there are ten.
 */

/** CIFAR-10 in a network that gets everything wrong is 0.5 MB; what is over this is not kept. */
export const MAX_BYTES = 4 * 2 ** 20

const bytesOf = (classes: number) => 8 + 4 * classes

export interface KnownMistake {
  /** Its place in the test split, from 0. */
  index: number
  /** Indexes of classes. */
  label: number
  predicted: number
  /** Soft-max of each class. */
  probabilities: number[]
}

/** Writes records, in the order of their images, as far as there is room. */
export function createMistakeWriter(classes: number) {
  const length = bytesOf(classes)
  let buffer = Buffer.alloc(64 * length)
  let used = 0
  return {
    add(index: number, label: number, predicted: number, probability: (c: number) => number): void {
      if (used + length > MAX_BYTES) return
      if (used + length > buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)])
      buffer.writeUInt32LE(index, used)
      buffer.writeUInt16LE(label, used + 4)
      buffer.writeUInt16LE(predicted, used + 6)
      for (let c = 0; c < classes; c++) buffer.writeFloatLE(probability(c), used + 8 + 4 * c)
      used += length
    },
    bytes: () => new Uint8Array(buffer.subarray(0, used)),
  }
}

/** Those of a true class and of a predicted one, each if it is given; the most confident first, ties by index. */
export function readMistakes(
  bytes: Uint8Array,
  classes: number,
  { label, predicted }: { label?: number; predicted?: number },
): KnownMistake[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytesOf(classes)
  const found: KnownMistake[] = []
  for (let at = 0; at + length <= buffer.length; at += length) {
    const [of, as] = [buffer.readUInt16LE(at + 4), buffer.readUInt16LE(at + 6)]
    if ((label !== undefined && of !== label) || (predicted !== undefined && as !== predicted)) continue
    const probabilities = Array.from({ length: classes }, (_, c) => buffer.readFloatLE(at + 8 + 4 * c))
    found.push({ index: buffer.readUInt32LE(at), label: of, predicted: as, probabilities })
  }
  const confidence = ({ probabilities, predicted: as }: KnownMistake) => probabilities[as]!
  return found.sort((one, other) => confidence(other) - confidence(one) || one.index - other.index)
}
