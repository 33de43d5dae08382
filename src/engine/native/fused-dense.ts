import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'
import { inPlaceOf, registerConsumingGradient, tensorOf } from './fused-gradient.ts'
import { type KernelCall, registerFusedKernel } from './kernels.ts'

type Inputs = { x: tf.TensorInfo; weights: tf.TensorInfo; bias: tf.TensorInfo }

export function registerFusedDense(): void {
  registerFusedKernel<Inputs, unknown>('VggzooDense', (call) => forward(call, false))
  registerFusedKernel<Inputs, unknown>('VggzooDenseRelu', (call) => forward(call, true))
  registerConsumingGradient(
    'VggzooDense',
    { inputs: ['x', 'weights'], outputs: [false] },
    (dy, [x, weights], _, backend) => {
      const [rows, outputs] = dy.shape as [number, number]
      const db = backend.take(outputs)
      backend.addon.reluBiasGradient(rows, outputs, backend.values(dy), null, null, db)
      return gradients(backend, x, weights, dy, db)
    },
  )
  registerConsumingGradient(
    'VggzooDenseRelu',
    { inputs: ['x', 'weights'], outputs: [true] },
    (dy, [x, weights, y], _, backend) => {
      const [rows, outputs] = dy.shape as [number, number]
      const db = backend.take(outputs)
      const z = inPlaceOf(backend, dy, (from, to) =>
        backend.addon.reluBiasGradient(rows, outputs, from, backend.values(y), to, db),
      )
      y.dispose()
      return gradients(backend, x, weights, z, db)
    },
  )
  registerFusedKernel<{ x: tf.TensorInfo }, { rate: number; state: Int32Array }>(
    'VggzooDropout',
    ({ inputs: { x }, attrs: { rate, state }, backend }) => {
      const size = tf.util.sizeFromShape(x.shape)
      const y = backend.take(size)
      const mask = backend.takeBytes(size)
      backend.addon.dropout(state, rate, backend.values(x), mask, y)
      return [backend.output(y, x.shape), backend.output(mask, x.shape, 'bool')]
    },
  )
  registerConsumingGradient<{ rate: number }>(
    'VggzooDropout',
    { inputs: [], outputs: [false, true] },
    (dy, [mask], { rate }, backend) => {
      const kept = backend.data.get(mask.dataId).values as Uint8Array
      const dx = inPlaceOf(backend, dy, (from, to) => backend.addon.dropoutGradient(rate, from, kept, to))
      mask.dispose()
      return { x: () => dx }
    },
  )
}

function forward({ inputs: { x, weights, bias }, backend }: KernelCall<Inputs, unknown>, relu: boolean) {
  const [rows, inputs] = x.shape as [number, number]
  const outputs = weights.shape[1]!
  const y = backend.take(rows * outputs)
  const { addon } = backend
  addon.denseForward(
    rows,
    inputs,
    outputs,
    backend.values(x),
    backend.values(weights),
    backend.values(bias),
    relu,
    y,
  )
  return [backend.output(y, [rows, outputs])]
}

function gradients(
  backend: NativeBackend,
  x: tf.Tensor,
  weights: tf.Tensor,
  z: tf.Tensor,
  db: Float32Array,
): Record<string, () => tf.Tensor> {
  const [rows, inputs] = x.shape as [number, number]
  const outputs = db.length
  const { addon } = backend
  const biasGradient = tensorOf(backend, db, [outputs])
  return {
    x: () => {
      const dx = backend.take(x.size)
      addon.denseInputGradient(rows, inputs, outputs, backend.values(z), backend.values(weights), dx)
      return tensorOf(backend, dx, x.shape)
    },
    weights: () => {
      const dw = backend.take(weights.size)
      addon.denseWeightGradient(rows, inputs, outputs, backend.values(x), backend.values(z), dw)
      tf.dispose([x, z])
      return tensorOf(backend, dw, weights.shape)
    },
    bias: () => biasGradient,
  }
}
