/**
 * What it is worth to begin with weights that know something, and how little an epoch takes when most layers are frozen.
 * Ends with 1 where a figure is above its limit.
 */
import { defineBench, listOf, UsageError } from './lib/bench.ts'
import { measureCache } from './lib/transfer-cache.ts'
import { measureMargin } from './lib/transfer-margin.ts'

interface Options {
  network: string
  epochs: number
}

const PARTS: Readonly<Record<string, (options: Options) => Promise<void>>> = {
  cache: measureCache,
  margin: measureMargin,
}
const NAMES = Object.keys(PARTS)

export const bench = defineBench({
  measures: 'transfer: epochs with frozen layers, and accuracy with few pictures',
  takes: '10 minutes',
  needs: 'CIFAR-10 (139 MB, once); for vgg16 4 GiB of memory and disk',
  options: {
    parts: `which, by commas (${NAMES.join()})`,
    network: 'that of the part margin (vgg_mini); vgg16_cifar takes half an hour with --epochs=1',
    epochs: 'that it learns the eight classes in (4)',
  },
  async run({ parts, network = 'vgg_mini', epochs = '4' }) {
    const asked = listOf(parts) ?? NAMES
    const unknown = asked.find((part) => !NAMES.includes(part))
    if (unknown !== undefined) throw new UsageError(`--parts: there is no ${unknown} among ${NAMES.join()}.`)
    const count = Number(epochs)
    if (!(Number.isInteger(count) && count >= 1)) {
      throw new UsageError(`--epochs: ${epochs} is not a whole number from 1 on.`)
    }
    for (const part of asked) await PARTS[part]!({ network, epochs: count })
  },
})
