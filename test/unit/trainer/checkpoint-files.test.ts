import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import {
  type CheckpointToWrite,
  createCheckpointFiles,
  type WrittenFiles,
} from '../../../src/trainer/checkpoint-files.ts'
import { createTrainingSession } from '../../../src/trainer/session.ts'
import { copyWeights, restore, writeState } from '../../../src/trainer/snapshot.ts'
import type { TrainerState } from '../../../src/trainer/state.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { openSafetensors } from '../../../src/zoo/safetensors-file.ts'
import { frozenPart } from '../../../src/zoo/transfer.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const TINY: Architecture = {
  name: 'tiny',
  title: 'tiny',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures('4,M,6,M'),
  batchNorm: true,
  inputShape: [8, 8, 3],
  classes: 3,
  head: { kind: 'flat', hidden: [5], dropout: 0 },
}
const optimizer = { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 } as const

beforeAll(async () => {
  await selectEngine('wasm')
})

describe('checkpoints of a run with frozen layers', () => {
  const folder = temporaryFolder

  function setUp(freeze: { upTo: string } | 'FEATURES') {
    const part = frozenPart(TINY, freeze)
    if (typeof part === 'string') throw new Error(part)
    const transfer = { frozen: part.layers, head: [], headRate: 1 }
    const open = (seed: number) =>
      createTrainingSession(TINY, { optimizer, labelSmoothing: 0 }, seed, { transfer })
    const session = open(1)
    const here = folder()
    const path = (name: string) => join(here, name)
    const job = async (step: number, withFrozen: boolean): Promise<CheckpointToWrite> => {
      await writeState(session, { step } as TrainerState, path(`${step}.state`))
      return {
        trained: await copyWeights(session, TINY, 'trained', path(`${step}.trained`)),
        frozen: withFrozen ? await copyWeights(session, TINY, 'frozen', path(`${step}.frozen`)) : null,
        updates: step,
        batchesTracked: new Map([['features.1.num_batches_tracked', 7n]]),
        frozenCounters: session.frozen!.counters,
        architecture: TINY,
        metadata: { seed: '1' },
        weightsPath: path(`${step}.weights`),
        statePath: path(`${step}.state`),
      }
    }
    const train = async (step: number) => {
      const x = Float32Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => Math.sin(i * step))
      await session.step({ x, y: Int32Array.of(0, 2), size: 2 }, step, 0.1)
    }
    return { session, open, job, train, path }
  }

  /** Of a model and its optimizer, all numbers. */
  const numbersOf = ({ model, stepper }: ReturnType<typeof createTrainingSession>) =>
    [...model.weights.map((weight) => weight.read()), ...Object.values(stepper.slots).flat()].map((it) =>
      (it as tf.Tensor).dataSync().slice(),
    )

  test.each(['FEATURES', { upTo: 'features.0' }] as const)(
    'have all weights, though what is frozen (%o) is asked for once only, and are the bytes of whole ones',
    async (freeze) => {
      const { session, open, job, train, path } = setUp(freeze)
      const files = createCheckpointFiles()
      await train(1)
      expect(await files.write(await job(1, false))).toEqual({ needsFrozen: true })
      const first = await files.write(await job(1, true))
      await train(2)
      const second = await files.write(await job(2, false))
      if ('needsFrozen' in first || 'needsFrozen' in second) throw new Error('it asks again')
      expect(second.weights.digest).not.toBe(first.weights.digest)
      for (const [name, written] of [
        ['2.weights', second.weights],
        ['2.state', second.state],
      ] as const) {
        const bytes = await readFile(path(name))
        expect(written).toEqual({
          digest: createHash('sha256').update(bytes).digest('hex'),
          bytes: bytes.length,
        })
      }
      const others = createCheckpointFiles()
      expect(await others.write(await job(2, true))).toEqual(second)

      const restored = open(2)
      expect(numbersOf(restored)).not.toEqual(numbersOf(session))
      const [weights, state] = [
        await openSafetensors(path('2.weights')),
        await openSafetensors(path('2.state')),
      ]
      await restore(restored, TINY, weights, state)
      expect(numbersOf(restored)).toEqual(numbersOf(session))
      for (const one of [weights, state, files, others]) await one.close()
      for (const one of [session, restored]) one.dispose()
    },
  )

  test('ask for what is frozen again where the disk has altered it', async () => {
    const { session, job, train, path } = setUp('FEATURES')
    const files = createCheckpointFiles()
    await files.write(await job(1, true))
    await train(1)
    const file = await openSafetensors(path('1.weights'))
    const { begin } = file.header.entries.find(({ name }) => name === 'features.4.weight')!
    await file.close()
    const bytes = await readFile(path('1.weights'))
    bytes[begin + 5]! ^= 1
    await writeFile(path('1.weights'), bytes)
    expect(await files.write(await job(2, false))).toEqual({ needsFrozen: true })
    expect(await files.write(await job(2, true))).toMatchObject({ weights: {} })
    const others = createCheckpointFiles()
    const whole = await others.write(await job(3, true))
    expect(await files.write(await job(4, false))).toMatchObject({
      weights: (whole as Extract<WrittenFiles, { weights: unknown }>).weights,
    })
    for (const one of [files, others]) await one.close()
    session.dispose()
  })
})
