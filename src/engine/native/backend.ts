import { createRequire } from 'node:module'
import type * as cpu from '@tensorflow/tfjs-backend-cpu'
import { tf } from '../../tensorflow.ts'
import type { NativeAddon } from './addon.ts'
import { BufferPool } from './buffer-pool.ts'
import { PackedFilters } from './packed-filters.ts'

/** By require, as all of TensorFlow.js. */
const { MathBackendCPU }: typeof cpu = createRequire(import.meta.url)('@tensorflow/tfjs-backend-cpu')

type Values = tf.backend_util.BackendValues

/**
 * TensorFlow.js' cpu backend with memory that is used again and kernels in C++. Tensors stay JavaScript arrays, so
 * every kernel of the cpu backend runs on them as it is, and there is nothing to free by hand or by a finalizer.
 */
export class NativeBackend extends MathBackendCPU {
  readonly addon: NativeAddon
  readonly pool: BufferPool
  readonly filters: PackedFilters
  /** Convolutions as they are defined instead of by Winograd's algorithm: slower, and the reference for it. */
  direct = false
  private closed = false
  /** What a kernel took that is no tensor yet. */
  private loose: Set<ArrayBufferView> | null = null

  constructor(addon: NativeAddon) {
    super()
    this.addon = addon
    this.pool = new BufferPool(addon)
    this.filters = new PackedFilters(this.pool)
    // Or the first tensor prints an advertisement.
    Object.assign(this, { firstUse: false })
  }

  /** An array for a result; `output` makes a tensor of it, or `pool.letGo` gives it back. */
  take(length: number): Float32Array {
    const values = this.pool.take(length)
    this.loose?.add(values)
    return values
  }

  /** The same for bytes. */
  takeBytes(length: number): Uint8Array {
    const values = this.pool.takeBytes(length)
    this.loose?.add(values)
    return values
  }

  /** The array of a tensor as one for another tensor's result: as if it had been taken. */
  takeOver(values: Float32Array): Float32Array {
    this.pool.hold(values)
    this.loose?.add(values)
    return values
  }

  /** A tensor of an array from `take`, which it now holds. */
  output(
    values: Float32Array | Uint8Array,
    shape: readonly number[],
    dtype: 'float32' | 'bool' = 'float32',
  ): tf.TensorInfo {
    const info = this.makeTensorInfo([...shape], dtype, values)
    // `write` counted the tensor as one more holder beside the caller.
    this.pool.letGo(values)
    this.loose?.delete(values)
    return info
  }

  /** Runs a kernel; what it took for its results is given back if it fails, as it does without memory to work in. */
  orGiveBack<Result>(kernel: () => Result): Result {
    const outer = this.loose
    const mine = new Set<ArrayBufferView>()
    this.loose = mine
    try {
      return kernel()
    } catch (error) {
      for (const values of mine) this.pool.letGo(values)
      throw error
    } finally {
      this.loose = outer
    }
  }

  /**
   * The values of a float32 tensor themselves; a copy where they are of another type: the cpu backend casts whole
   * numbers to float32 by calling them so.
   */
  values(tensor: tf.TensorInfo): Float32Array {
    const { values } = this.data.get(tensor.dataId)
    return values instanceof Float32Array ? values : Float32Array.from(values as ArrayLike<number>)
  }

  /** Whether nothing but this tensor sees its values: then what need not outlive it may take their place. */
  isSole(tensor: tf.TensorInfo): boolean {
    return this.refCount(tensor.dataId) === 1 && this.pool.isSole(this.values(tensor))
  }

  override write(values: Values, shape: number[], dtype: tf.DataType): object {
    this.hold(values)
    return super.write(values, shape, dtype)
  }

  override move(dataId: object, values: Values, shape: number[], dtype: tf.DataType, refCount: number): void {
    this.hold(values)
    super.move(dataId, values, shape, dtype, refCount)
  }

  override disposeData(dataId: object, force = false): boolean {
    // A tensor may outlive the backend that made it.
    if (this.closed || !this.data.has(dataId)) return true
    const { values } = this.data.get(dataId)
    const gone = super.disposeData(dataId, force)
    if (gone) {
      this.filters.forget(dataId)
      if (values !== undefined && ArrayBuffer.isView(values)) this.pool.letGo(values)
    }
    return gone
  }

  /**
   * A variable's values, to be changed in place. Where another tensor shows them too, or they came from outside, the
   * variable gets a copy of its own first.
   */
  writable(variable: tf.Variable): Float32Array {
    const values = this.values(variable)
    if (this.isSole(variable)) {
      this.filters.outdate(variable.dataId)
      return values
    }
    const own = this.take(values.length)
    own.set(values)
    const tensor = tf.engine().makeTensorFromTensorInfo(this.output(own, variable.shape))
    variable.assign(tensor)
    tensor.dispose()
    return own
  }

  override async read(dataId: object): Promise<Values> {
    return this.readSync(dataId)
  }

  /** Memory of the pool is copied: what holds it now may be disposed, and the copy must not change then. */
  override readSync(dataId: object): Values {
    const values = super.readSync(dataId)
    return ArrayBuffer.isView(values) && this.pool.owns(values)
      ? (values as Float32Array).slice()
      : (values as Values)
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: false, reasons: [] }
  }

  override dispose(): void {
    this.closed = true
    this.pool.trim()
  }

  private hold(values: Values | undefined): void {
    if (values !== undefined && ArrayBuffer.isView(values)) this.pool.hold(values)
  }
}
