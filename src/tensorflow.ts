import { createRequire } from 'node:module'
import type * as types from '@tensorflow/tfjs'

/**
 * TensorFlow.js, by require: imported, Node would first scan megabytes of its bundles for the names that they export, which
 * is a quarter of a second of each start of a trainer, a predictor and an evaluation.
 */
export const tf: typeof types = createRequire(import.meta.url)('@tensorflow/tfjs')

/** Its types: a constant has none in it. */
export declare namespace tf {
  namespace backend_util {
    type BackendValues = types.backend_util.BackendValues
    type Conv2DInfo = types.backend_util.Conv2DInfo
    type ExplicitPadding = types.backend_util.ExplicitPadding
  }
  namespace layers {
    type Layer = types.layers.Layer
  }
  type DataType = types.DataType
  type GradFunc = types.GradFunc
  type GradSaveFunc = types.GradSaveFunc
  type KernelBackend = types.KernelBackend
  type LayersModel = types.LayersModel
  type LayerVariable = types.LayerVariable
  type NamedAttrMap = types.NamedAttrMap
  type NamedTensorInfoMap = types.NamedTensorInfoMap
  type Scalar = types.Scalar
  type Shape = types.Shape
  type SymbolicTensor = types.SymbolicTensor
  type Tensor = types.Tensor
  type Tensor1D = types.Tensor1D
  type Tensor2D = types.Tensor2D
  type Tensor3D = types.Tensor3D
  type Tensor4D = types.Tensor4D
  type TensorInfo = types.TensorInfo
  type Variable = types.Variable
}
