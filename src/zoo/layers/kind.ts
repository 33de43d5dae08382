import type * as tf from '@tensorflow/tfjs'
import type { After, FusedLayers } from '../../engine/fused.ts'
import type { LayerNeeds } from '../../engine/training-memory.ts'
import type { Random } from '../../random.ts'
import type { KerasReader } from './keras.ts'
import type { StandardLayer } from './standard-layer.ts'
import type { TensorFlow } from './tensorflow.ts'

/** The widest layer a list may ask for: beyond it a single 3x3 layer would hold tens of gigabytes. */
export const MAX_WIDTH = 65_535

/** The settings of layers, each null where a layer's kind has none. */
export interface LayerSettings {
  /** [height, width]; null for what has no window. */
  kernelSize: [number, number] | null
  strides: [number, number] | null
  /** Filters of a convolution, outputs of a dense layer. */
  units: number | null
  /** Of a dropout: the part that is dropped. */
  rate: number | null
  /** Of an adaptive pool: cells along an edge. */
  size: number | null
}

/** A node of a network's graph, before it is known what it works on. */
export interface LayerNode extends LayerSettings {
  kind: string
  /** torchvision's module name where it has one: features.0, avgpool, classifier.3; else flatten, softmax. */
  name: string
  /** Places of the layers whose results it takes; `PICTURE` for the network's own input. */
  inputs: readonly number[]
  /** Which entry of the feature list it comes from, from 0; null for the head's. */
  entry: number | null
}

/** The place of the picture among the inputs of a layer. */
export const PICTURE = -1

/** A layer of a network with its shape and costs. */
export interface Layer extends LayerSettings, Pick<LayerNode, 'name' | 'inputs' | 'entry'> {
  kind: string
  index: number
  /** Of its first input, as `outputShape`. */
  inputShape: number[]
  /** [height, width, channels] or [units], without the batch. */
  outputShape: number[]
  /** What training changes: weights and biases, and of a batch norm its scale and shift (2 per channel). */
  parameterCount: number
  /** Per image, forward; convolutions and dense layers only, as papers count. */
  multiplyAdds: number
  /**
   * Edge in pixels of the square of the input that one output cell depends on. It may be larger than the
   * image, whose padding it then covers. Null from the first layer on whose cells see no common square.
   */
  receptiveField: number | null
}

/** What flows from layer to layer: the result for one image, and what of the picture one of its cells depends on. */
export interface Signal {
  /** [height, width, channels] or [units] */
  shape: readonly number[]
  /** As `receptiveField`. */
  field: number | null
  /** How many pixels of the picture lie between what two neighbouring cells see. */
  apart: number
}

/** What a layer makes of its inputs, and what that costs. */
export type Measured = { output: Signal } & Partial<Pick<Layer, 'parameterCount' | 'multiplyAdds'>>

/** Why a layer cannot work on what it is given: one sentence or two, that may follow the place in the list. */
export class UnfitLayer {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/**
 * How the numbers of a tensor are ordered, here and in PyTorch:
 * - conv: [h, w, in, out] here, [out, in, h, w] there;
 * - dense: [in, out] here, [out, in] there; `grid` is the [h, w, c] that was flattened into `in`, in this order
 *   here and as [c, h, w] there (null after another dense layer, whose order is the same);
 * - vector: the same.
 */
export type TorchOrder =
  | { kind: 'conv' }
  | { kind: 'dense'; grid: [number, number, number] | null }
  | { kind: 'vector' }

/** A variable of a layer: its name here and in PyTorch, and where it starts. */
export interface LayerVariable {
  /** As in the TensorFlow.js model and in Keras: kernel, bias, gamma. What PyTorch calls it, `tensors` of the kind says. */
  name: string
  /** In PyTorch. */
  shape: number[]
  order: TorchOrder
  /** Values before training: all the same, or [size] of them drawn. */
  initial: number | ((random: Random, size: number) => Float32Array)
  /** Where a network may be built without it: the value that leaves the results as they are. */
  neutral?: number
  /** Whether that is so in front of a batch norm alone, which takes away whatever it adds. */
  neutralBeforeNorm?: true
  /** What PyTorch keeps beside it: the last part of the name of a step counter (I64, shape []). */
  counter?: string
}

/** One entry of the list of features, written and read. */
export interface Notation<Feature extends { kind: string }> {
  feature: Feature['kind']
  /** For a message: what may be written. */
  example: string
  /** True for what is written in definitions of our own alone: a person's list may not have it. */
  internal: boolean
  /** Undefined for an entry of another notation, a sentence for one that is wrong. */
  read(entry: string): Feature | string | undefined
  write(feature: Feature): string
  /** A sentence about a feature that cannot be this entry of a list, from 0; null for a right one. */
  check(feature: Feature, entry: number): string | null
  /** Adds its layers to the graph. */
  grow(feature: Feature, graph: FeatureGraph): void
}

/** The convolutional part of a network's graph while it is made. */
export interface FeatureGraph {
  batchNorm: boolean
  /** Adds a layer that takes the last one's result, and those of others if they are given. */
  add(kind: string, settings?: Partial<LayerSettings>, others?: readonly number[]): void
  /** The place of the layer whose result an entry of the list is, counted back from the present one: 1 for the last. */
  resultBefore(entries: number): number
}

/** The network around a layer, for those that differ by it. */
export interface Surroundings {
  /** [height, width, channels] of the picture. */
  inputShape: readonly number[]
  /** How many layers of the same kind come before it. */
  before: number
}

/** What a model's dropout masks depend on besides the layer. The trainer sets `step` before every step. */
export interface DropoutState {
  seed: number
  step: number
}

export interface BuildOptions {
  /** Where dropout reads its seed and step from. Needed to train a network with dropout, not to predict. */
  dropout?: DropoutState
}

/** A layer as it stands in a TensorFlow.js model. */
export interface BuiltLayer {
  info: Layer
  layer: tf.layers.Layer
}

/**
 * All that the zoo knows of a kind of layer. A new kind is an object of this type in a file of its own, an entry in
 * kinds.ts, a value of the schema's enum, and where an engine has one its kernel.
 */
export interface LayerKind<Name extends string = string, Feature extends { kind: string } = never> {
  name: Name
  /** For people: "Convolution". */
  title: string
  /** What it computes, a sentence. */
  description: string
  /** How the layer's settings are drawn beside its title: "3x3, 64". Empty when there is nothing to say. */
  label(layer: Layer): string
  /** Whether it counts in a VGG's name. */
  isWeightLayer: boolean
  /** Of those that are an entry of the feature list, with what comes after them. */
  notation: Notation<Feature> | null

  /** Shape, receptive field and costs. */
  measure(node: LayerSettings, inputs: readonly Signal[], around: Surroundings): Measured | UnfitLayer
  /**
   * In the order of PyTorch's `state_dict()`; null where it has none. `grid` is the [h, w, c] that the layer before
   * flattened, null where it did not.
   */
  variables: ((layer: Layer, grid: [number, number, number] | null) => LayerVariable[]) | null
  /** Null where it has no variables. */
  tensors: TensorForm | null
  /** Null for what is no part of the model: the loss and the predictor compute it. */
  build: ((tf: TensorFlow, layer: Layer, options: BuildOptions) => tf.layers.Layer) | null
  fusing: Fusing
  /** What it takes beside its result. */
  memory(layer: Layer): LayerNeeds
  /** In layers that every TensorFlow.js and Keras have; a sentence where there are none. */
  standard: ((layer: Layer) => StandardLayer[]) | string
  keras: KerasForm
}

/** Where a layer stands, as Keras counts: from 1, convolutions within their block. */
export interface KerasPlace {
  block: number
  convolution: number
  dense: number
  /** Whether no other layer with weights follows. */
  isLast: boolean
}

/** How Keras names such layers, and how they are read from its models. */
export interface KerasForm {
  /** What of the place is one more from this layer on. */
  counts?: 'block' | 'convolution' | 'dense'
  /** Of those with weights, in Keras' VGGs: block1_conv1. */
  name?(place: KerasPlace): string
  /** By Keras' class, of all that compute what layers of the kind do. */
  readers?: Readonly<Record<string, KerasReader>>
  /** Classes that compute nothing when a network answers. */
  idle?: readonly string[]
  /** Whether `readers` know what to do with zeros that a layer before has added around the picture. */
  takesBorder?: true
  /** The activation of other layers that computes this. */
  activation?: string
  /** Whether two of them give what one does. */
  isIdempotent?: true
}

/** How the tensors of such a layer look in a file. */
export interface TensorForm {
  /** Length of the longest shape: 4 for the [out, in, h, w] of a convolution. */
  rank: number
  /** PyTorch's names of the variables by Keras'. */
  names: Readonly<Record<string, string>>
}

/** How an engine with fused layers (engine/fused.ts) computes a layer together with those after it. */
export type Fusing =
  /** Alone, as a layer of TensorFlow.js. */
  | null
  /** In the operation of the layer before it, if that one takes it. */
  | { after: keyof After | 'normalization' }
  /** First of an operation: it takes those that follow it in this order, each when it is there. */
  | {
      takes: readonly string[]
      step(
        fused: FusedLayers,
        layers: readonly [BuiltLayer, ...BuiltLayer[]],
        options: { after: After; training: boolean },
      ): (x: tf.Tensor) => tf.Tensor
    }

/** `measure` of what changes values one by one: the shape stays, and so does what a cell sees. */
export function same(_settings: LayerSettings, [input]: readonly Signal[]): Measured {
  return { output: input! }
}
