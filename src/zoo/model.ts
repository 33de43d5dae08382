import { Random } from '../random.ts'
import { tf } from '../tensorflow.ts'
import { analyze } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import { type BuildOptions, type BuiltLayer, type Layer, PICTURE } from './layers/kind.ts'
import { kindOf } from './layers/kinds.ts'

/** What the layers of models were built of. */
const infos = new WeakMap<tf.layers.Layer, Layer>()

/**
 * The TensorFlow.js model of a network: [n, height, width, channels] -> logits [n, classes], no soft-max. Its
 * layers are those of `analyze`, under the same names. The weights are zeros (batch norm: identity) until
 * `initializeWeights` or `loadWeights` sets them. The caller disposes the model.
 */
export function buildModel(architecture: Architecture, options: BuildOptions = {}): tf.LayersModel {
  const input = tf.input({ shape: [...architecture.inputShape], name: 'input' })
  const outputs: tf.SymbolicTensor[] = []
  for (const info of analyze(architecture).layers) {
    const { build } = kindOf(info.kind)
    if (build === null) continue
    const layer = build(tf, info, options)
    infos.set(layer, info)
    const inputs = info.inputs.map((place) => (place === PICTURE ? input : outputs[place]!))
    outputs.push(layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.SymbolicTensor)
  }
  return tf.model({ inputs: input, outputs: outputs.at(-1)!, name: architecture.name })
}

/** The layers of a model from `buildModel`, in the order of computing, without its input. */
export function layersOf(model: tf.LayersModel): BuiltLayer[] {
  return model.layers.slice(1).map((layer) => ({ layer, info: infos.get(layer)! }))
}

/**
 * Sets the lecture's initial weights: convolutions Kaiming-normal by fan-out, N(0, 2 / (k * k * filters)); dense
 * layers N(0, 0.01^2); biases 0; batch norm 1 and 0. The same seed gives the same bits on every engine, and a
 * layer's weights do not depend on the layers before it.
 *
 * @param only  the layers that get theirs; all when left out
 */
export function initializeWeights(model: tf.LayersModel, seed: number, only?: ReadonlySet<string>): void {
  layersOf(model).forEach(({ layer, info }) => {
    if (only !== undefined && !only.has(info.name)) return
    for (const { name, initial } of kindOf(info.kind).variables?.(info, null) ?? []) {
      const variable = variableOf(layer, name)
      const shape = variable.shape as number[]
      // Layer 0 is the input.
      const random = new Random(seed, info.index + 1)
      const value =
        typeof initial === 'number'
          ? tf.fill(shape, initial)
          : tf.tensor(initial(random, tf.util.sizeFromShape(shape)), shape)
      variable.write(value)
      value.dispose()
    }
  })
}

/** @param name  kernel, bias, moving_mean, ... */
export function variableOf(layer: tf.layers.Layer, name: string): tf.LayerVariable {
  const found = layer.weights.find(({ originalName }) => originalName === `${layer.name}/${name}`)
  if (found === undefined) throw new Error(`Layer ${layer.name} has no ${name}.`)
  return found
}
