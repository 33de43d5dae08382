/**
 * A data set that a small network learns in seconds: coloured shapes on a dark ground, drawn from a seed. Given to a
 * server as any module of a data set is: DATASET_SOURCES=test/support/tiny-dataset.mjs.
 */

const [HEIGHT, WIDTH] = [16, 24]
const CLASSES = ['red disc', 'green square', 'blue triangle']
const COUNT = { train: 240, test: 60 }
const SEEDS = { train: 1, test: 2 }

/** @type {import('../../src/data/source.ts').DatasetSource} */
export default {
  facts: {
    name: 'tiny',
    title: 'Coloured shapes',
    classes: CLASSES,
    count: COUNT,
    imageShape: [HEIGHT, WIDTH, 3],
    normalization: { mean: [0.32, 0.336, 0.304], std: [0.167, 0.189, 0.139] },
  },
  // The images come out of this module: it is its own place.
  origins: (folder = import.meta.dirname) => [
    { name: 'drawn from a seed', remedy: 'mend the module of the data set', from: { folder } },
  ],
  async *decode() {
    yield draw('train')
    yield draw('test')
  },
}

/** @param {'train' | 'test'} split */
function draw(split) {
  const random = uniform(SEEDS[split])
  const labels = Uint16Array.from({ length: COUNT[split] }, (_, i) => i % CLASSES.length)
  const pixels = new Uint8Array(labels.length * HEIGHT * WIDTH * 3)
  let at = 0
  for (const label of labels) {
    const radius = 4 + 3 * random()
    const y0 = radius + (HEIGHT - 2 * radius) * random()
    const x0 = radius + (WIDTH - 2 * radius) * random()
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        const inside = covers(label, (y - y0) / radius, (x - x0) / radius)
        for (let channel = 0; channel < 3; channel++) {
          const level = inside && channel === label ? 200 : 50
          pixels[at++] = level + 40 * random()
        }
      }
    }
  }
  return { split, first: 0, labels, pixels }
}

/** Whether a shape of the class, from -1 to 1 in both directions, has the point. */
function covers(label, y, x) {
  if (label === 0) return y * y + x * x <= 1
  if (label === 1) return Math.max(Math.abs(y), Math.abs(x)) <= 1
  return y <= 1 && y >= 2 * Math.abs(x) - 1
}

/** Numbers in [0, 1) by a linear congruence (Knuth's MMIX): enough for pictures. */
function uniform(seed) {
  let state = BigInt(seed)
  return () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn
    return Number(state >> 32n) / 2 ** 32
  }
}
