import * as theirs from '@whatwg-node/promise-helpers'
import { describe, expect, test } from 'vitest'
import * as ours from '../../../src/concurrency/promise-helpers.ts'

/** What a call comes to, and whether at once. */
async function outcome(call: () => unknown): Promise<string> {
  let result: unknown
  try {
    result = call()
  } catch (error) {
    return `throws ${error}`
  }
  if ((result as PromiseLike<unknown> | undefined)?.then == null) return `is ${String(result)}`
  return (result as Promise<unknown>).then(
    (value) => `becomes ${String(value)}`,
    (error) => `fails with ${error}`,
  )
}

const raise = (message: string) => {
  throw new Error(message)
}

/** Everything that a function may give. */
const GIVEN: Readonly<Record<string, (value: unknown) => unknown>> = {
  'a value': (value) => `${value}+`,
  nothing: () => undefined,
  null: () => null,
  'an error': (value) => raise(`of ${value}`),
  'a promise': async (value) => `${value} later`,
  'a rejection': async (value) => raise(`of ${value} later`),
  // biome-ignore lint/suspicious/noThenProperty: it is what a thenable is
  'a thenable': (value) => ({ then: (resolve: (it: string) => void) => resolve(`${value} of its own kind`) }),
  "the package's promise": (value) => theirs.fakePromise(value),
  "the package's rejection": (value) => theirs.fakeRejectPromise(new Error(`${value}`)),
}
const names = Object.keys(GIVEN)
const orNone = [...names, undefined]

describe('a step that is taken at once where it can be comes to what the package makes of it', () => {
  test.each(names)('from %s', async (input) => {
    for (const then of names) {
      for (const failed of orNone) {
        for (const atLast of [undefined, 'nothing']) {
          const run = ({ handleMaybePromise }: typeof ours) => {
            const calls: string[] = []
            const step = (name: string) => (value: unknown) => {
              calls.push(`${name} gets ${value}`)
              return GIVEN[name]!(value)
            }
            return outcome(() =>
              handleMaybePromise(
                () => step(input)('input'),
                step(then),
                failed === undefined ? undefined : step(failed),
                atLast === undefined ? undefined : () => void step(atLast)('the end'),
              ),
            ).then((what) => ({ what, calls }))
          }
          expect(await run(ours), `${then}, ${failed}, ${atLast}`).toEqual(
            await run(theirs as unknown as typeof ours),
          )
        }
      }
    }
  })
})

describe('a loop over hooks does what the package does', () => {
  test.each([
    ['with none', []],
    ['with values', ['a value', 'nothing', 'a value']],
    ['with promises between them', ['a value', 'a promise', 'nothing', 'a promise', 'a value']],
    ['up to an error', ['a promise', 'a value', 'an error', 'a value']],
    ['up to a rejection', ['a value', 'a rejection', 'a value']],
    [
      "with the package's own promises",
      ["the package's promise", 'a value', "the package's rejection", 'a value'],
    ],
    ['that one of them ends', ['a value', 'end', 'a value']],
    ['that one of them ends later', ['a value', 'end later', 'a value']],
  ])('%s', async (_, hooks) => {
    const run = ({ iterateAsync }: typeof ours) => {
      const results: unknown[] = []
      const calls: string[] = []
      const visit = (hook: string, endEarly: () => void, index: number): unknown => {
        calls.push(`${index} ${hook}`)
        if (hook === 'end') return endEarly()
        if (hook === 'end later') return Promise.resolve().then(endEarly)
        return GIVEN[hook]!(index)
      }
      return outcome(() =>
        iterateAsync(
          new Set(hooks.map((hook, i) => [hook, i] as const)),
          ([hook], end, i) => visit(hook, end, i),
          results,
        ),
      ).then((what) => ({ what, calls, results }))
    }
    expect(await run(ours)).toEqual(await run(theirs as unknown as typeof ours))
  })
})

test('nothing is a promise where nothing waits', () => {
  expect(
    ours.handleMaybePromise(
      () => 1,
      (value) => value + 1,
    ),
  ).toBe(2)
  expect(ours.iterateAsync([1, 2], (value) => value)).toBeUndefined()
})
