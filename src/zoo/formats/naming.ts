import { analyze } from '../analysis.ts'
import type { Architecture } from '../architecture.ts'
import { kindOf } from '../layers/kinds.ts'
import { type TorchTensor, torchTensors, toTorch } from '../torch-layout.ts'

/** How a program names and lays out the tensors of a VGG in a file. */
export interface Naming {
  /** "ordered" for names of its own, matched by the order of the layers. */
  kind: 'torchvision' | 'timm' | 'keras' | 'ordered'
  /** The file's own name of a tensor -> the one that `tensors` uses; the same for its spellings. */
  normalize(name: string): string
  tensors: NamedAs[]
}

/** A tensor as a file has it. */
export interface NamedAs {
  /** Its normalized name. */
  name: string
  shape: number[]
  tensor: TorchTensor
  /** Its numbers in PyTorch's order. */
  toTorch(data: Float32Array): Float32Array
}

/**
 * The naming that most of a file's names are of; torchvision's when none is. torchvision's and timm's may all stand
 * behind one prefix, such as `module.` or `net.backbone.`: that of most names.
 */
export function detectNaming(names: readonly string[], architecture: Architecture): Naming {
  const namings = [
    behindPrefix(torchvision(architecture), names),
    behindPrefix(timm(architecture), names),
    keras(architecture),
  ]
  const known = namings.map(({ normalize, tensors }) => {
    const expected = new Set(tensors.map(({ name }) => name))
    return names.filter((name) => expected.has(normalize(name))).length
  })
  return namings[known.indexOf(Math.max(...known))]!
}

/** The names behind the prefix that most of the file's names have; each has three parts, as features.0.weight. */
function behindPrefix(naming: Naming, names: readonly string[]): Naming {
  const expected = new Set(naming.tensors.map(({ name }) => name))
  const counts = new Map<string, number>([['', 0]])
  for (const name of names) {
    const own = name.split('.').slice(-3).join('.')
    if (!expected.has(own)) continue
    const prefix = name.slice(0, name.length - own.length)
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1)
  }
  const most = Math.max(...counts.values())
  const [prefix] = [...counts].find(([, count]) => count === most)!
  return {
    ...naming,
    tensors: naming.tensors.map((tensor) => ({ ...tensor, name: prefix + tensor.name })),
  }
}

const same = (data: Float32Array) => data

/** features.0.weight, classifier.3.bias, as torchvision's own VGGs. */
function torchvision(architecture: Architecture): Naming {
  return {
    kind: 'torchvision',
    normalize: (name) => name,
    tensors: torchTensors(architecture).map((tensor) => ({
      name: tensor.name,
      shape: tensor.shape,
      tensor,
      toTorch: same,
    })),
  }
}

/**
 * timm's VGGs: the features as torchvision's; the hidden dense layers as convolutions, pre_logits.fc1 [out, c, 7, 7]
 * and pre_logits.fc2 [out, in, 1, 1], whose numbers lie as those of torchvision's matrices; the last one head.fc.
 */
function timm(architecture: Architecture): Naming {
  const { head } = architecture
  const isDense = ({ order }: TorchTensor, name: string) => name === 'weight' && order.kind === 'dense'
  const layers = [...new Set(torchTensors(architecture).map(({ layer }) => layer))].filter((layer) =>
    layer.startsWith('classifier.'),
  )
  const named = new Map(
    layers.map((layer, index) => [
      layer,
      index === layers.length - 1 ? 'head.fc' : `pre_logits.fc${index + 1}`,
    ]),
  )
  return {
    kind: 'timm',
    normalize: (name) => name,
    tensors: torchTensors(architecture).map((tensor) => {
      const leaf = tensor.name.slice(tensor.layer.length + 1)
      const layer = named.get(tensor.layer) ?? tensor.layer
      const isConvolution = layer.startsWith('pre_logits.') && isDense(tensor, leaf)
      const [out, inputs] = tensor.shape
      const window = layer === 'pre_logits.fc1' && head.kind === 'pooled' ? head.size : 1
      return {
        name: `${layer}.${leaf}`,
        shape: isConvolution ? [out!, inputs! / (window * window), window, window] : tensor.shape,
        tensor,
        toTorch: same,
      }
    }),
  }
}

/** Keras' applications: block1_conv1/kernel [h, w, in, out], fc1/kernel [in, out] over [h, w, c], predictions. */
function keras(architecture: Architecture): Naming {
  const names = kerasNames(architecture)
  return {
    kind: 'keras',
    normalize: kerasName,
    tensors: torchTensors(architecture).map((tensor) => ({
      name: `${names.get(tensor.layer)!}/${tensor.variable}`,
      shape: hereShape(tensor),
      tensor,
      toTorch: (data) => toTorch(tensor, data),
    })),
  }
}

/** Keras' names of the layers with weights, by torchvision's. */
function kerasNames(architecture: Architecture): Map<string, string> {
  const { layers } = analyze(architecture)
  const last = layers.findLast(({ kind }) => kindOf(kind).isWeightLayer)
  const place = { block: 1, convolution: 0, dense: 0 }
  const names = new Map<string, string>()
  for (const layer of layers) {
    const { keras } = kindOf(layer.kind)
    if (keras.counts !== undefined) place[keras.counts]++
    if (keras.counts === 'block') place.convolution = 0
    // Keras' VGGs have no batch norm; where the zoo's has one, its name in the error says what was looked for.
    const name = keras.name?.({ ...place, isLast: layer === last })
    if (name !== undefined) names.set(layer.name, name)
  }
  return names
}

/** block1_conv1/kernel, of block1_conv1.kernel, block1_conv1/kernel:0, block1_conv1/block1_conv1/kernel:0. */
function kerasName(name: string): string {
  return name.replace(/:\d+$/, '').split(/[/.]/).slice(-2).join('/')
}

/** The shape of a tensor in the order of TensorFlow: [h, w, in, out] or [in, out]. */
export function hereShape({ order, shape }: TorchTensor): number[] {
  if (order.kind === 'vector') return shape
  const [out, inputs, ...window] = shape
  return [...window, inputs!, out!]
}
