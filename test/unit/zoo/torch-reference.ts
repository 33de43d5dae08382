import type { Architecture } from '../../../src/zoo/architecture.ts'
import type { NamedTensor } from '../../../src/zoo/safetensors.ts'

/** [c, h, w] in PyTorch's order. */
interface Picture {
  c: number
  h: number
  w: number
  data: Float64Array
}

/**
 * What torchvision's VGG computes for one picture (eval mode), written from PyTorch's documentation with plain
 * loops: CHW pictures, OIHW filters, modules counted as in nn.Sequential. Slow, and independent of the zoo's code.
 *
 * @param picture  [c, h, w]
 * @returns the logits
 */
export function torchForward(
  architecture: Architecture,
  tensors: NamedTensor[],
  picture: number[],
): number[] {
  const weights = new Map(tensors.map(({ name, data }) => [name, data as Float32Array]))
  const get = (name: string) => {
    const data = weights.get(name)
    if (data === undefined) throw new Error(`${name} is missing.`)
    return data
  }
  const [height, width, channels] = architecture.inputShape
  let x: Picture = { c: channels, h: height, w: width, data: Float64Array.from(picture) }
  let module = 0
  for (const feature of architecture.features) {
    if (feature.kind === 'add') throw new Error('It describes chains.')
    if (feature.kind === 'pool') {
      x = maxPool(x)
      module++
      continue
    }
    x = conv(
      x,
      get(`features.${module}.weight`),
      get(`features.${module}.bias`),
      feature.width,
      feature.kernel,
    )
    module++
    if (architecture.batchNorm) {
      const part = (name: string) => get(`features.${module}.${name}`)
      x = batchNorm(x, part('weight'), part('bias'), part('running_mean'), part('running_var'))
      module++
    }
    x.data = x.data.map((value) => Math.max(0, value))
    module++
  }
  const { head } = architecture
  if (head.kind === 'pooled') x = adaptivePool(x, head.size)

  let values = Array.from(x.data)
  module = 0
  for (const units of [...head.hidden, architecture.classes]) {
    if (module > 0) {
      values = values.map((value) => Math.max(0, value))
      module += head.dropout > 0 ? 2 : 1
    }
    values = linear(values, get(`classifier.${module}.weight`), get(`classifier.${module}.bias`), units)
    module++
  }
  return values
}

function conv(x: Picture, weight: Float32Array, bias: Float32Array, out: number, k: number): Picture {
  const data = new Float64Array(out * x.h * x.w)
  const pad = (k - 1) / 2
  for (let o = 0; o < out; o++) {
    for (let row = 0; row < x.h; row++) {
      for (let column = 0; column < x.w; column++) {
        let sum = bias[o]!
        for (let i = 0; i < x.c; i++) {
          for (let dy = 0; dy < k; dy++) {
            for (let dx = 0; dx < k; dx++) {
              const [y, z] = [row + dy - pad, column + dx - pad]
              if (y < 0 || y >= x.h || z < 0 || z >= x.w) continue
              sum += x.data[(i * x.h + y) * x.w + z]! * weight[((o * x.c + i) * k + dy) * k + dx]!
            }
          }
        }
        data[(o * x.h + row) * x.w + column] = sum
      }
    }
  }
  return { ...x, c: out, data }
}

function batchNorm(x: Picture, ...[weight, bias, mean, variance]: Float32Array[]): Picture {
  const data = x.data.map((value, i) => {
    const c = Math.floor(i / (x.h * x.w))
    return ((value - mean![c]!) / Math.sqrt(variance![c]! + 1e-5)) * weight![c]! + bias![c]!
  })
  return { ...x, data }
}

function maxPool(x: Picture): Picture {
  const [h, w] = [Math.floor(x.h / 2), Math.floor(x.w / 2)]
  return reduce(x, h, w, (row, column) => [2 * row, 2 * row + 2, 2 * column, 2 * column + 2], Math.max)
}

function adaptivePool(x: Picture, size: number): Picture {
  const start = (i: number, n: number) => Math.floor((i * n) / size)
  const end = (i: number, n: number) => Math.ceil(((i + 1) * n) / size)
  const mean = (...values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return reduce(
    x,
    size,
    size,
    (row, column) => [start(row, x.h), end(row, x.h), start(column, x.w), end(column, x.w)],
    mean,
  )
}

function reduce(
  x: Picture,
  h: number,
  w: number,
  window: (row: number, column: number) => [number, number, number, number],
  combine: (...values: number[]) => number,
): Picture {
  const data = new Float64Array(x.c * h * w)
  for (let c = 0; c < x.c; c++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        const [top, bottom, left, right] = window(row, column)
        const values: number[] = []
        for (let y = top; y < bottom; y++) {
          for (let z = left; z < right; z++) values.push(x.data[(c * x.h + y) * x.w + z]!)
        }
        data[(c * h + row) * w + column] = combine(...values)
      }
    }
  }
  return { c: x.c, h, w, data }
}

function linear(values: number[], weight: Float32Array, bias: Float32Array, units: number): number[] {
  return Array.from({ length: units }, (_, unit) =>
    values.reduce((sum, value, i) => sum + value * weight[unit * values.length + i]!, bias[unit]!),
  )
}
