import { ENGINE_CHOICES } from '../src/engine/report.ts'
import type { EngineName } from './engine.ts'
import { trainable } from './networks.ts'

export type Contender = EngineName | 'pytorch'

export interface Case {
  network: string
  batch: number
  /** What the native engine should reach: times PyTorch, and times the peak of the multiply-add units. */
  targets?: { torch?: number; peak?: number }
}

const CASES: readonly Case[] = [
  { network: 'lecture_vgg16', batch: 64 },
  { network: 'lecture_vgg16', batch: 128, targets: { torch: 12.5, peak: 2.1 } },
  { network: 'vgg11', batch: 128 },
  { network: 'vgg_mini', batch: 128, targets: { torch: 3 } },
  // The one that plain JavaScript can do: it takes minutes for a step that others take in a second.
  { network: 'vgg_mini', batch: 2 },
]

export function isTooSlow(contender: Contender, { batch }: Case): boolean {
  return contender === 'cpu' && batch > 2
}

/** Native first, with PyTorch right beside it. */
const CONTENDERS: readonly Contender[] = [
  'native',
  'pytorch',
  ...ENGINE_CHOICES.filter((engine) => engine !== 'auto' && engine !== 'native'),
]

/** Those of BENCH_ENGINES=native,pytorch, or all. */
export function chosenContenders(): Contender[] {
  const wanted = listOf('BENCH_ENGINES')
  const unknown = wanted?.find((name) => !CONTENDERS.some((contender) => contender === name))
  if (unknown !== undefined) throw new Error(`BENCH_ENGINES: ${unknown} is none of ${CONTENDERS.join(', ')}.`)
  return CONTENDERS.filter((contender) => wanted?.includes(contender) ?? true)
}

/** Those of BENCH_CASES=lecture_vgg16/128,vgg16_cifar/64, of any network, or the usual ones. */
export function chosenCases(): readonly Case[] {
  const wanted = listOf('BENCH_CASES')
  if (wanted === undefined) return CASES
  return wanted.map((text) => {
    const [network, batchText] = text.split('/')
    const batch = Number(batchText)
    if (!(Number.isInteger(batch) && batch > 0)) {
      throw new Error(`BENCH_CASES: ${text} is not like lecture_vgg16/128.`)
    }
    trainable(network)
    return CASES.find((it) => it.network === network && it.batch === batch) ?? { network, batch }
  })
}

/** One line for an engine that this machine lacks, the first time; its reason does not change within a run. */
export class Absentees {
  private readonly known = new Set<Contender>()

  has(contender: Contender): boolean {
    return this.known.has(contender)
  }

  /** Says why there is no result. */
  report(contender: Contender, reason: string): void {
    if (/is not (available|installed)/.test(reason)) this.known.add(contender)
    console.log(`  ${contender.padEnd(24)} ${reason}`)
  }
}

export function listOf(variable: string): string[] | undefined {
  return process.env[variable]
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
