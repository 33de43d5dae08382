import type { Measurements } from './engine.ts'

/** Training that fills every core for as long as it is measured. */
export const FILLING = { engine: 'native', network: 'vgg_mini', batch: 128, seconds: 6 } as const

/** Images/s of all steps, not of the median one: what disturbs, disturbs some of them. */
export function throughput({ times }: Measurements['train']['result']): number {
  return (FILLING.batch * 1000 * times.length) / times.reduce((sum, time) => sum + time, 0)
}
