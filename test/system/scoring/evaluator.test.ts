import { afterEach, describe, expect, test } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { OverloadedError } from '../../../src/errors.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { DamagedArtifactError } from '../../../src/ports/artifact-store.ts'
import { PredictorUnavailableError } from '../../../src/predictor/errors.ts'
import {
  createModelEvaluator,
  type ModelEvaluator,
  type ModelEvaluatorOptions,
} from '../../../src/scoring/evaluator.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

// The real process is in evaluation.test.ts; this one is a script that dies and hangs on demand.
const entry = new URL('../../support/scripted/scripted-evaluator.mjs', import.meta.url)
const open: ModelEvaluator[] = []

function create(options: Partial<ModelEvaluatorOptions> = {}) {
  const log = createRecordingLog()
  const evaluator = createModelEvaluator({
    engine: 'auto',
    artifactsFolder: '',
    logger: log,
    telemetry: NO_TELEMETRY,
    entry,
    ...options,
  })
  open.push(evaluator)
  const evaluate = (how: string, limit: number | null = null) =>
    evaluator.evaluate({ datasetFile: how, datasetDigest: '', model, limit }).then(({ result }) => result)
  return { evaluator, log, evaluate }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((evaluator) => evaluator.close()))
})

const model = {
  digest: '',
  architecture: findArchitecture('vgg_mini')!,
  preprocessing: {
    size: [1, 1] as [number, number],
    resize: COVER,
    mean: [0, 0, 0] as [number, number, number],
    std: [1, 1, 1] as [number, number, number],
    labels: [],
  },
}
/** The reason why it failed. */
const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  )

describe('evaluations', () => {
  test('have a process each, one after the other', async () => {
    const { evaluate } = create()
    const results = await Promise.all([evaluate('works', 1), evaluate('works', 2), evaluate('works', 3)])
    expect(results.map(({ count }) => count)).toEqual([1, 2, 3])
    expect(new Set(results.map(({ loss }) => loss)).size).toBe(3)
  })

  test('that are the same at the same time are done once, and again when they are asked for later', async () => {
    const { evaluate } = create()
    const [one, other] = await Promise.all([evaluate('works'), evaluate('works')])
    expect(one.loss).toBe(other.loss)
    expect((await evaluate('works')).loss).not.toBe(one.loss)
  })

  test('beyond those that may wait are refused with the time to wait, and taken when there is room', async () => {
    const { evaluate } = create({ maxWaiting: 2 })
    const taken = [1, 2, 3].map((limit) => evaluate('works', limit))
    const refused = await failure(evaluate('works', 4))
    expect(refused).toBeInstanceOf(OverloadedError)
    expect(refused).toMatchObject({ queueDepth: 3, retryAfterMs: expect.any(Number) })
    await taken[0]
    expect((await evaluate('works', 4)).count).toBe(4)
    await Promise.all(taken)
  })

  test.each([
    ['dies', /was killed by SIGKILL/],
    ['throws', /the matrix is upside down/],
  ])('go on after one whose process %s, which says so', async (how, message) => {
    const { evaluate } = create()
    const [broken, next] = await Promise.all([failure(evaluate(how)), evaluate('works')])
    expect(broken.message).toMatch(message)
    expect(next.count).toBe(10_000)
  })

  test('whose process is silent for too long end with it', async () => {
    const { evaluate } = create({ silenceMs: 50 })
    expect((await failure(evaluate('hangs'))).message).toMatch(/said nothing for 0.05 s/)
  })

  test('with damaged weights, and without their engine, have the error for it', async () => {
    const { evaluate } = create()
    expect(await failure(evaluate('finds damage'))).toBeInstanceOf(DamagedArtifactError)
    expect(await failure(evaluate('lacks its engine'))).toBeInstanceOf(PredictorUnavailableError)
  })

  test('at work and waiting are refused when the server closes', async () => {
    const { evaluator, evaluate, log } = create()
    const working = failure(evaluate('says something and hangs'))
    const waiting = failure(evaluate('works'))
    await log.next('info')
    await evaluator.close()
    for (const error of await Promise.all([working, waiting]))
      expect(error.message).toMatch(/server is shutting down/)
    expect((await failure(evaluate('works'))).message).toMatch(/server is shutting down/)
  })
})
