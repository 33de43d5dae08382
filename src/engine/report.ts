/** What `ENGINE` may ask for: `auto` takes the best engine this machine really has. */
export const ENGINE_CHOICES = ['auto', 'tensorflow', 'webgpu', 'native', 'wasm', 'cpu'] as const
export type EngineChoice = (typeof ENGINE_CHOICES)[number]

/** The engine a process really runs on. TensorFlow without a usable GPU is TENSORFLOW_CPU. */
export const ENGINE_KINDS = ['TENSORFLOW_GPU', 'TENSORFLOW_CPU', 'WEBGPU', 'NATIVE', 'WASM', 'CPU'] as const
export type EngineKind = (typeof ENGINE_KINDS)[number]

/** What a trainer or predictor process says of its engine once it is chosen. Plain data: it crosses processes. */
export interface EngineReport {
  kind: EngineKind
  /** The device in words: "NVIDIA A100 40GB", "AMD EPYC, SIMD, 1 thread". */
  device: string
  /** The engines that `auto` would have preferred, best first, each with the reason why it was not taken. */
  notTaken: { engine: Exclude<EngineChoice, 'auto'>; reason: string }[]
}
