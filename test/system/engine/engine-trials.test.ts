import { expect, test } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { tryEngines } from '../../../src/system/engine-trials/try-engines.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

const entry = new URL('../../../dist/system/engine-trials/trial-process.js', import.meta.url)
/** As short as a trial can be. */
const job = { batchSize: 8, warmUpSteps: 1, milliseconds: 0, leastSteps: 1 }

test('a trial of engines times a few steps of each in a process of its own, and knows one that is not there', async () => {
  const options = {
    logger: createRecordingLog(),
    telemetry: NO_TELEMETRY,
    signal: new AbortController().signal,
    entry,
    job,
  }
  const trials = await tryEngines(['tensorflow', 'wasm', 'native'], options)
  // Neither has every machine: libtensorflow is optional, and the native engine has to be built.
  const present = trials.map(({ engine }) => engine)
  expect(present).toContain('wasm')
  expect(present).not.toContain('tensorflow')
  for (const { imagesPerSecond, failure } of trials) {
    expect(failure).toBeNull()
    expect(imagesPerSecond).toBeGreaterThan(0)
  }
})
