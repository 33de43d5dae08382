import {
  ENGINE_NAMES,
  type EngineChoice,
  type EngineName,
  type EngineReport,
  NAME_OF_KIND,
} from './report.ts'

/** How an engine did when it was tried on this machine. */
export interface EngineTrial {
  engine: EngineName
  /** Images of a small network trained in a second; null for an engine that failed. */
  imagesPerSecond: number | null
  /** Half a sentence for people; null for an engine that did not fail. */
  failure: string | null
}

/** `auto` with what was measured here. The same object for a server's life: what is measured later comes into it. */
export interface MeasuredAuto {
  readonly trials: readonly EngineTrial[]
}

/** What a process is asked to compute on. */
export type EngineRequest = EngineChoice | MeasuredAuto

/**
 * The order in which `auto` tries engines: what was measured by its speed, and behind what is believed to be as fast
 * as any of it but was not there to be measured. An engine that failed is not among them.
 */
export function rankEngines(trials: readonly EngineTrial[]): EngineName[] {
  const measured = trials
    .filter(({ imagesPerSecond }) => imagesPerSecond !== null)
    .sort((one, other) => other.imagesPerSecond! - one.imagesPerSecond!)
    .map(({ engine }) => engine)
  const last = ENGINE_NAMES.findLast((engine) => measured.includes(engine))
  return ENGINE_NAMES.flatMap((engine) => {
    if (engine === last) return measured
    return trials.some((trial) => trial.engine === engine) ? [] : [engine]
  })
}

/**
 * Why `auto` did not take the engines that are believed to be faster than the one it took.
 * @param refused  the reasons of those that could not start
 */
export function notTakenFor(
  taken: EngineName,
  trials: readonly EngineTrial[],
  refused: ReadonlyMap<EngineName, string>,
): EngineReport['notTaken'] {
  const trialOf = (name: EngineName) => trials.find(({ engine }) => engine === name)
  const speedOf = (name: EngineName) => Number(trialOf(name)?.imagesPerSecond?.toPrecision(3))
  return ENGINE_NAMES.slice(0, ENGINE_NAMES.indexOf(taken)).map((engine) => {
    const failure = trialOf(engine)?.failure
    const reason =
      refused.get(engine) ??
      (failure == null
        ? `it trained ${speedOf(engine)} images/s when it was tried here, and ${taken} ${speedOf(taken)}`
        : `it failed when it was tried here: ${failure}`)
    return { engine, reason }
  })
}

/**
 * The engines to try against each other before `auto` can know the fastest, in the order of belief: GPUs, and the best
 * engine of the processor. None where no GPU can be used, or all were tried already.
 * @param report  of a process that was asked for `auto`
 */
export function enginesToTry(
  { kind, notTaken }: Pick<EngineReport, 'kind' | 'notTaken'>,
  trials: readonly EngineTrial[],
): EngineName[] {
  const taken = NAME_OF_KIND[kind]
  const tried = (name: EngineName) => trials.some(({ engine }) => engine === name)
  const usesGpu = kind === 'TENSORFLOW_GPU' || kind === 'WEBGPU'
  if (tried(taken) || !(usesGpu || trials.length > 0)) return []
  const absent = (name: EngineName) => !tried(name) && notTaken.some(({ engine }) => engine === name)
  return ENGINE_NAMES.filter((name) => name !== 'cpu' && !absent(name))
}
