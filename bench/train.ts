/**
 * A step is forward, backward and SGD with momentum on a batch that is in memory already. Ends with 1 when the engines
 * do not agree on the losses.
 */
import { analyze } from '../src/zoo/analysis.ts'
import { defineBench } from './lib/bench.ts'
import {
  Absentees,
  CASES_OPTION,
  type Case,
  type Contender,
  chosenCases,
  chosenContenders,
  ENGINES_OPTION,
  isTooSlow,
} from './lib/cases.ts'
import { type Measurements, measureEngine, THREADS } from './lib/engine.ts'
import { trainable } from './lib/networks.ts'
import { measureTorch } from './lib/pytorch.ts'
import { median } from './lib/statistics.ts'
import { compareLosses } from './lib/train-losses.ts'

/** The machine's speed drifts: native and PyTorch take turns, and ratios are those of neighbours. */
const ROUNDS = 2
const ROUND_SECONDS = 6

type Trained = Pick<Measurements['train']['result'], 'times' | 'imagesPerSecond' | 'mebibytes'> & {
  title: string
  note: string
  peak: number | null
}

export const bench = defineBench({
  measures: 'images/s of each engine in training, beside PyTorch; their losses agree',
  takes: '6 minutes',
  needs: 'PyTorch with OpenBLAS for ratios',
  options: { engines: ENGINES_OPTION, cases: CASES_OPTION },
  async run({ engines, cases }) {
    const chosen = chosenCases(cases)
    const contenders = chosenContenders(engines)
    const absent = new Absentees()
    console.log(
      `Images/s by the median step. GFLOP/s: 6 per multiply-add of the forward pass as a direct convolution, so three\n` +
        `passes of 2, though nobody computes the gradient of the first layer's input. Peak: what multiply-adds in\n` +
        `registers reach on ${THREADS} threads in the same process; Winograd's fewer products let an engine exceed it.`,
    )
    const compared = new Set<string>()
    for (const it of chosen) {
      console.log(`\n${it.network}, batch ${it.batch}`)
      await measureCase(it, contenders, absent)
      if (compared.has(it.network)) continue
      compared.add(it.network)
      const present = contenders.filter((contender) => !absent.has(contender))
      if (!(await compareLosses(it.network, present))) process.exitCode = 1
    }
  },
})

async function measureCase(it: Case, contenders: readonly Contender[], absent: Absentees): Promise<void> {
  const rounds: Map<Contender, Trained | string>[] = []
  const present = contenders.filter((contender) => !absent.has(contender))
  const pair = present.filter((contender) => contender === 'native' || contender === 'pytorch')
  for (let round = 0; round < ROUNDS; round++) {
    const results = new Map<Contender, Trained | string>()
    for (const contender of pair) results.set(contender, await measure(contender, it))
    rounds.push(results)
  }
  const of = (contender: Contender) =>
    rounds.map((results) => results.get(contender)).filter((result) => typeof result === 'object')
  const torch = medianOf(of('pytorch'), it)
  const peak = median(of('native').flatMap((result) => result.peak ?? []))
  const ratios = rounds.flatMap((results) => {
    const [ours, theirs] = [results.get('native'), results.get('pytorch')]
    return typeof ours === 'object' && typeof theirs === 'object'
      ? ours.imagesPerSecond / theirs.imagesPerSecond
      : []
  })
  for (const contender of present) {
    if (isTooSlow(contender, it)) {
      console.log(`  ${contender.padEnd(24)} left out: too slow`)
      continue
    }
    const inPair = rounds[0].has(contender)
    const result = inPair
      ? (medianOf(of(contender), it) ?? rounds[0].get(contender))
      : await measure(contender, it)
    if (typeof result !== 'object') {
      absent.report(contender, result ?? 'nothing was measured')
      continue
    }
    const timesTorch =
      contender === 'native'
        ? median(ratios)
        : result.imagesPerSecond / (torch?.imagesPerSecond ?? Number.NaN)
    const timesPeak =
      contender === 'native'
        ? median(of('native').map((round) => timesOfPeak(it, round.imagesPerSecond, round.peak)))
        : timesOfPeak(it, result.imagesPerSecond, peak)
    row(result, it, timesPeak, timesTorch)
    if (contender === 'native') judge(it, timesTorch, timesPeak, ratios)
  }
  if (!Number.isNaN(peak)) console.log(`  peak ${(peak / 1e9).toFixed(0)} GFLOP/s`)
}

async function measure(contender: Contender, { network, batch }: Case): Promise<Trained | string> {
  if (contender === 'pytorch') {
    const result = measureTorch('train', trainable(network), { batch, seconds: ROUND_SECONDS })
    if (typeof result === 'string') return result
    return {
      ...result,
      title: `PyTorch ${result.version}`,
      note: `${THREADS} threads`,
      peak: null,
    }
  }
  const result = await measureEngine('train', { engine: contender, network, batch, seconds: ROUND_SECONDS })
  return typeof result === 'string' ? result : { ...result, title: contender, note: result.device }
}

/** The steps of all rounds as one, or undefined where there are none. */
function medianOf(rounds: readonly Trained[], { batch }: Case): Trained | undefined {
  if (rounds.length === 0) return undefined
  const times = rounds.flatMap((round) => round.times)
  const mebibytes = Math.max(...rounds.map((round) => round.mebibytes))
  return { ...rounds[0], times, mebibytes, imagesPerSecond: (batch * 1000) / median(times) }
}

function timesOfPeak(it: Case, imagesPerSecond: number, peak: number | null): number {
  return (operations(it) * imagesPerSecond) / (peak ?? Number.NaN)
}

function operations({ network }: Case): number {
  return 6 * analyze(trainable(network)).multiplyAdds
}

function row(result: Trained, it: Case, timesPeak: number, timesTorch: number): void {
  const { title, imagesPerSecond, mebibytes, note } = result
  const gigaflops = (operations(it) * imagesPerSecond) / 1e9
  const cells = [
    `${imagesPerSecond.toFixed(1).padStart(8)} images/s`,
    `${gigaflops.toFixed(gigaflops < 10 ? 1 : 0).padStart(5)} GFLOP/s`,
    `${ratio(timesPeak)} x peak`,
    `${ratio(timesTorch)} x PyTorch`,
    `${mebibytes.toFixed(0).padStart(5)} MiB`,
  ]
  console.log(`  ${title.padEnd(24)} ${cells.join('  ')}  ${note}`)
}

function ratio(value: number): string {
  return (Number.isNaN(value) ? '-' : value.toFixed(2)).padStart(6)
}

function judge({ targets }: Case, timesTorch: number, timesPeak: number, ratios: readonly number[]): void {
  const line = (what: string, value: number, target: number | undefined) => {
    if (target === undefined || Number.isNaN(value)) return
    console.log(`  ${''.padEnd(24)} target ${target} x ${what}: ${value >= target ? 'met' : 'missed'}`)
  }
  line('PyTorch', timesTorch, targets?.torch)
  line('peak', timesPeak, targets?.peak)
  if (ratios.length > 1) {
    const rounds = ratios.map((value) => value.toFixed(2)).join(', ')
    console.log(`  ${''.padEnd(24)} x PyTorch in each round: ${rounds}`)
  }
}
