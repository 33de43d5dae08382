/** The engines as `ENGINE` calls them, the one that is believed to be fastest first. `cpu` always starts. */
export const ENGINE_NAMES = ['tensorflow', 'webgpu', 'native', 'wasm', 'cpu'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** What `ENGINE` may ask for: `auto` takes the fastest engine this machine really has. */
export const ENGINE_CHOICES = ['auto', ...ENGINE_NAMES] as const
export type EngineChoice = (typeof ENGINE_CHOICES)[number]

/** The engine a process really runs on. TensorFlow without a usable GPU is TENSORFLOW_CPU. */
export const ENGINE_KINDS = ['TENSORFLOW_GPU', 'TENSORFLOW_CPU', 'WEBGPU', 'NATIVE', 'WASM', 'CPU'] as const
export type EngineKind = (typeof ENGINE_KINDS)[number]

/** What `ENGINE` calls the engine of that kind. */
export const NAME_OF_KIND: Readonly<Record<EngineKind, EngineName>> = {
  TENSORFLOW_GPU: 'tensorflow',
  TENSORFLOW_CPU: 'tensorflow',
  WEBGPU: 'webgpu',
  NATIVE: 'native',
  WASM: 'wasm',
  CPU: 'cpu',
}

/** What a trainer or predictor process says of its engine once it is chosen. Plain data: it crosses processes. */
export interface EngineReport {
  kind: EngineKind
  /** The device in words: the three that follow, as "AMD EPYC, AVX-512, 2 threads". */
  device: string
  /** The processor or GPU by its name. */
  processor: string
  /** What does the arithmetic there: "AVX-512", "WebAssembly SIMD", "CUDA". Another one rounds otherwise. */
  instructionSet: string
  /** Null where the engine does not say. */
  threads: number | null
  /** The engines that are believed to be faster, fastest first, each with the reason why `auto` did not take it. */
  notTaken: { engine: EngineName; reason: string }[]
}

/** The properties in which two engines can differ, and then compute other numbers. */
export const ENGINE_PROPERTIES = ['kind', 'processor', 'instructionSet', 'threads'] as const
export type EngineProperty = (typeof ENGINE_PROPERTIES)[number]

/**
 * In which properties two engines differ; none for two that compute alike, bit for bit.
 * @param other  null for one that nobody wrote down: it may differ in all of them
 */
export function engineDifferences(one: EngineReport, other: EngineReport | null): EngineProperty[] {
  return ENGINE_PROPERTIES.filter((property) => one[property] !== other?.[property])
}

export function deviceOf({
  processor,
  instructionSet,
  threads,
}: Pick<EngineReport, 'processor' | 'instructionSet' | 'threads'>): string {
  const words = [processor, instructionSet]
  if (threads !== null) words.push(`${threads} thread${threads === 1 ? '' : 's'}`)
  return words.join(', ')
}
