import { ENGINE_CHOICES } from '../../src/engine/report.ts'
import { listOf, UsageError } from './bench.ts'
import type { EngineName } from './engine.ts'
import { trainable } from './networks.ts'
import { checkBaseline } from './pytorch.ts'

export type Contender = EngineName | 'pytorch'

export interface Case {
  network: string
  batch: number
  /** What the native engine should reach: times PyTorch, and times the peak of the multiply-add units. */
  targets?: { torch?: number; peak?: number }
}

const CASES: readonly Case[] = [
  { network: 'lecture_vgg16', batch: 64 },
  { network: 'lecture_vgg16', batch: 128, targets: { torch: 3.3, peak: 2.1 } },
  { network: 'vgg11', batch: 128 },
  { network: 'vgg_mini', batch: 128, targets: { torch: 2.7 } },
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

export const ENGINES_OPTION = `${CONTENDERS.join(',')}: who is measured (all)`
export const CASES_OPTION = `network/batch,...: what is trained (${CASES.map(({ network, batch }) => `${network}/${batch}`).join(',')})`

/** Those of `native,pytorch`, or all. Prints what PyTorch it is that they are compared with; one that is no baseline is left out. */
export function chosenContenders(text: string | undefined): Contender[] {
  const wanted = listOf(text)
  const unknown = wanted?.find((name) => !CONTENDERS.some((contender) => contender === name))
  if (unknown !== undefined) {
    throw new UsageError(`--engines: ${unknown} is none of ${CONTENDERS.join(', ')}.`)
  }
  const chosen = CONTENDERS.filter((contender) => wanted?.includes(contender) ?? true)
  if (!chosen.includes('pytorch')) return chosen
  const baseline = checkBaseline()
  if ('line' in baseline) {
    console.log(baseline.line)
    return chosen
  }
  console.log(baseline.refusal)
  return chosen.filter((contender) => contender !== 'pytorch')
}

/** Those of `lecture_vgg16/128,vgg16_cifar/64`, of any network, or the usual ones. */
export function chosenCases(text: string | undefined): readonly Case[] {
  const wanted = listOf(text)
  if (wanted === undefined) return CASES
  return wanted.map((item) => {
    const [network, batchText] = item.split('/')
    const batch = Number(batchText)
    if (!(Number.isInteger(batch) && batch > 0)) {
      throw new UsageError(`--cases: ${item} is not like lecture_vgg16/128.`)
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
