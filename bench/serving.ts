/**
 * What stands around the engine when pictures are classified for many at once, and when many watch. Ends with 1 where a figure is above its limit.
 */
import { defineBench, listOf, UsageError } from './lib/bench.ts'
import { measureMixed } from './lib/serving-mixed.ts'
import { measureMoves } from './lib/serving-moves.ts'
import { measureReplay } from './lib/serving-replay.ts'
import { measureCost, measureThroughput } from './lib/serving-throughput.ts'
import { measureBesideTraining } from './lib/serving-training.ts'
import { measureTurns } from './lib/serving-turns.ts'
import { measureWatchers } from './lib/serving-watchers.ts'

interface Options {
  pictures: number
}

const PARTS: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  throughput: measureThroughput,
  cost: measureCost,
  training: measureBesideTraining,
  turns: measureTurns,
  moves: measureMoves,
  replay: measureReplay,
  mixed: ({ pictures }) => measureMixed(pictures),
  watchers: measureWatchers,
}
const NAMES = Object.keys(PARTS)

export const bench = defineBench({
  measures: 'a server under load, beside its engine: rate, latencies, CPU, answers, memory',
  takes: '15 minutes',
  needs: 'the native engine; CIFAR-10 (139 MB, once)',
  options: {
    parts: `which, by commas (${NAMES.join()})`,
    pictures: 'how many pictures the part mixed sends (10000)',
  },
  async run({ parts, pictures = '10000' }) {
    const asked = listOf(parts) ?? NAMES
    const unknown = asked.find((part) => !NAMES.includes(part))
    if (unknown !== undefined) throw new UsageError(`--parts: there is no ${unknown} among ${NAMES.join()}.`)
    const count = Number(pictures)
    if (!(Number.isInteger(count) && count >= 1000)) {
      throw new UsageError(`--pictures: ${pictures} is not a whole number from 1000 on.`)
    }
    for (const part of asked) await PARTS[part]!({ pictures: count })
  },
})
