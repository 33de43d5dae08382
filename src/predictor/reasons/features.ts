import { tf } from '../../tensorflow.ts'
import { type Forward, forwardOf } from '../../zoo/forward.ts'
import { layersOf } from '../../zoo/model.ts'

/** What the last layer, which weighs features up to logits, is given: [n, height, width, channels] -> [n, units]. */
export function featuresOf(model: tf.LayersModel): Forward {
  const last = layersOf(model).findLast(({ info }) => info.kind === 'DENSE')!
  // It shares the layers, and holds nothing of its own.
  const network = tf.model({ inputs: model.inputs, outputs: last.layer.input as tf.SymbolicTensor })
  return forwardOf(network, { training: false })
}
