import { describe, expect, test } from 'vitest'
import { placesOf, type Track } from '../../../web/chart/axis.ts'
import { pieOf } from '../../../web/parts/pie.ts'
import { cellOf, nextCell } from '../../../web/run/cell.ts'
import { endingOf, shareOf, titleOf } from '../../../web/run/ending.ts'
import { ghostsOf } from '../../../web/run/ghosts.ts'
import { gapsOf, momentsOf, placed } from '../../../web/run/moments.ts'
import { readAll, rowsOf, type SavedPoint } from '../../../web/run/point-rows.ts'

const at = (seconds: number) => new Date(1000 * seconds).toISOString()
const TRACK: Track = {
  stepsPerEpoch: 10,
  imagesPerEpoch: 80,
  attempts: [
    { attempt: 1, fromStep: 0, startedAt: at(0), secondsBefore: 0 },
    { attempt: 2, fromStep: 4, startedAt: at(100), secondsBefore: 4 },
    { attempt: 3, fromStep: 6, startedAt: at(200), secondsBefore: 6 },
  ],
}
const point = (attempt: number, step: number, more: Partial<SavedPoint> = {}): SavedPoint => ({
  attempt,
  step,
  epoch: step / 10,
  at: at(100 * (attempt - 1) + step),
  loss: step,
  nonFinite: null,
  layer: null,
  learningRate: 0.1,
  imagesPerSecond: 8,
  ...more,
})
const status = (name: string, attempt: number, step: number, more: object = {}) =>
  ({ status: name, attempt, step, at: at(step), failure: null, ...more }) as never
const NOTHING = { attempts: [], changes: [], checkpoints: [], forks: [], statusChanges: [] }

describe('what happened to a run', () => {
  test('says of each restart what had ended the attempt before', () => {
    const moments = momentsOf({
      ...NOTHING,
      attempts: TRACK.attempts as never,
      statusChanges: [
        status('QUEUED', 1, 0),
        status('RUNNING', 1, 0),
        status('PAUSED', 1, 4),
        status('QUEUED', 1, 4),
        status('PREPARING', 2, 4),
        status('RUNNING', 2, 4),
        status('QUEUED', 2, 6, { failure: { code: 'TRAINER_DIED', step: null, layer: null } }),
        status('RUNNING', 3, 6),
      ],
    })
    expect(moments.map(({ kind, label }) => `${kind}: ${label}`)).toEqual([
      'restart: attempt 2 goes on from step 4: it was paused',
      'restart: attempt 3 goes on from step 6: trainer died',
      'pause: paused at step 4',
    ])
  })

  test('has changes, forks and checkpoints, and not what was forked from nowhere', () => {
    const moments = momentsOf({
      ...NOTHING,
      changes: [
        { step: 3, learningRate: 0.2, epochs: 9, schedule: null, rateBefore: 0.1, rateAfter: 0.15 },
      ] as never,
      forks: [
        { number: 8, name: 'child', status: 'RUNNING', parentStep: 5 },
        { number: 9, name: 'other', status: 'RUNNING', parentStep: null },
      ] as never,
      checkpoints: [{ step: 1000, createdAt: at(1) }] as never,
    })
    expect(moments.map(({ label }) => label)).toEqual([
      'from step 3: learning rate 0.15, 9 epochs',
      '#8 child forked at step 5',
      'checkpoint at step 1,000',
    ])
  })

  test('stands on the clock when it was, and on other axes where its step is', () => {
    const moment = { kind: 'pause', step: 5, at: at(42), label: 'paused' } as const
    const xOf = (axis: 'clock' | 'images') => placed([moment], placesOf(axis, TRACK, []))[0]!.x
    expect(xOf('clock')).toBe(42)
    expect(xOf('images')).toBe(40)
  })
})

describe('a loss that is not finite', () => {
  const places = placesOf('step', TRACK, [])
  const failed = status('FAILED', 1, 7, {
    failure: { code: 'LOSS_NOT_FINITE', step: 7, layer: 'features.3' },
  })

  test('is marked with its step and its layer', () => {
    const gaps = gapsOf(
      [point(1, 7, { loss: null, nonFinite: 'NaN', layer: 'features.3' })],
      [failed],
      places,
    )
    expect(gaps).toEqual([{ x: 7, kind: 'gap', label: 'step 7: the loss is NaN, first in layer features.3' }])
  })

  test('is marked where a gradient was not, though no point of the curve tells', () => {
    expect(gapsOf([], [failed], places)).toEqual([
      { x: 7, kind: 'gap', label: 'step 7 of attempt 1: not finite, first in layer features.3' },
    ])
  })
})

test('ghosts are the steps of an attempt behind what any later one went on from', () => {
  const points = [point(1, 3), point(1, 5), point(2, 5), point(2, 6), point(2, 7), point(3, 7)]
  expect(
    ghostsOf(points, TRACK.attempts).map((it) => [it.attempt, it.points.map(({ step }) => step)]),
  ).toEqual([
    [1, [5]],
    [2, [7]],
  ])
})

describe('the points that are saved', () => {
  test('are read page by page, each once, also where a page ends between the attempts of a step', async () => {
    const all = [1, 2, 3, 4].flatMap((step) => [1, 2, 3].map((attempt) => ({ step, attempt })))
    for (const size of [1, 2, 4, 5, 12, 13]) {
      const read = async (afterStep: number, first: number) =>
        all.filter(({ step }) => step > afterStep).slice(0, first)
      expect(await readAll(size, read), `pages of ${size}`).toEqual(all)
    }
  })

  test('keep every attempt, what is not finite, and their places on all axes', () => {
    const rows = rowsOf({ number: 41, track: TRACK }, [
      point(1, 4),
      point(1, 5, { loss: null, nonFinite: 'Infinity', layer: 'features.0' }),
      point(2, 5),
    ])
    expect(rows).toEqual([
      [41, 1, true, 4, 0.4, 32, 4, at(4), 4, null, 0.1, 8],
      [41, 1, false, 5, 0.5, 40, 5, at(5), 'Infinity', 'features.0', 0.1, 8],
      [41, 2, true, 5, 0.5, 40, 9, at(105), 5, null, 0.1, 8],
    ])
  })
})

describe('the cell of a confusion matrix', () => {
  const CLASSES = ['red disc', 'green square', 'cat']
  const of = (query: string) => cellOf(new URLSearchParams(query), CLASSES)

  test('is what an address names by both classes, and nothing else', () => {
    expect(of('label=red+disc&predicted=cat')).toEqual({ truth: 0, predicted: 2 })
    for (const query of [
      '',
      'label=cat',
      'predicted=cat',
      'label=cat&predicted=cat',
      'label=cat&predicted=dog',
    ])
      expect(of(query), query).toBeNull()
  })

  test('is left by arrow keys, over the diagonal and not over the edge', () => {
    const from = { truth: 0, predicted: 1 }
    expect(nextCell('ArrowRight', from, 3)).toEqual({ truth: 0, predicted: 2 })
    expect(nextCell('ArrowDown', from, 3)).toEqual({ truth: 2, predicted: 1 })
    for (const key of ['ArrowUp', 'ArrowLeft', 'Enter', 'x']) expect(nextCell(key, from, 3), key).toBeNull()
    expect(nextCell('ArrowDown', { truth: 1, predicted: 2 }, 3)).toBeNull()
  })
})

describe('the run that one looks at', () => {
  const run = (status: string, step = 0) =>
    ({ number: 7, name: 'seven', status, progress: { step, steps: 200 } }) as never

  test('says in the title how much of it is done, and then how it ended', () => {
    expect(titleOf(run('RUNNING', 50))).toBe('25 % · #7')
    expect(titleOf(run('COMPLETED', 200))).toBe('#7 completed')
    expect(shareOf(run('PAUSED', 50))).toBeNull()
  })

  test('is told of at its end, once, and not when it goes on or was over already', () => {
    expect(endingOf('RUNNING', run('FAILED'))).toBe('Run #7 seven failed')
    for (const [before, now] of [
      ['COMPLETED', 'COMPLETED'],
      ['FAILED', 'QUEUED'],
      ['RUNNING', 'PAUSED'],
    ] as const)
      expect(endingOf(before, run(now)), `${before} ${now}`).toBeNull()
  })

  test('is a ring in the icon, of which its share is drawn', () => {
    const ring = decodeURIComponent(pieOf(0.25))
    const [, drawn, round] = ring.match(/stroke-dasharray="([\d.]+) ([\d.]+)"/)!
    expect(Number(drawn) / Number(round)).toBeCloseTo(0.25, 2)
  })
})
