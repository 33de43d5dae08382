/**
 * What stands around the engine when pictures are classified for many at once. Ends with 1 where a figure is above its limit.
 */
import { defineBench, listOf, UsageError } from './lib/bench.ts'
import { measureMoves } from './lib/serving-moves.ts'
import { measureCost, measureThroughput } from './lib/serving-throughput.ts'
import { measureBesideTraining } from './lib/serving-training.ts'
import { measureTurns } from './lib/serving-turns.ts'

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  throughput: measureThroughput,
  cost: measureCost,
  training: measureBesideTraining,
  turns: measureTurns,
  moves: measureMoves,
}
const NAMES = Object.keys(PARTS)

export const bench = defineBench({
  measures: 'predictions/s, latencies and CPU of a server under load, beside its engine alone',
  takes: '5 minutes',
  needs: 'the native engine; CIFAR-10 (139 MB, once)',
  options: { parts: `which, by commas (${NAMES.join()})` },
  async run({ parts }) {
    const asked = listOf(parts) ?? NAMES
    const unknown = asked.find((part) => !NAMES.includes(part))
    if (unknown !== undefined) throw new UsageError(`--parts: there is no ${unknown} among ${NAMES.join()}.`)
    for (const part of asked) await PARTS[part]!()
  },
})
