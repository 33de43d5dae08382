/**
 * What yoga, envelop and the executor go through with every hook and every step of an operation. The package makes three
 * promises of its own kind of each, nine functions, though nearly all are values that are there: 40 % of what a request
 * allocates. The bundle of the server has these in their place, which make none of a value; the rest is the package's.
 */
import {
  fakePromise,
  type MaybePromise,
  type MaybePromiseLike,
  handleMaybePromise as throughPromises,
  unfakePromise,
} from '@whatwg-node/promise-helpers'

export * from '@whatwg-node/promise-helpers'

/** As the package's: what `then` makes of the input, or `failed` of what it throws, at once where it is a value. */
export function handleMaybePromise<Input, Output>(
  input: () => MaybePromise<Input>,
  then: (value: Input) => MaybePromise<Output>,
  failed?: (error: unknown) => MaybePromise<Output>,
  atLast?: () => MaybePromise<void>,
): MaybePromise<Output> {
  if (atLast !== undefined) return throughPromises(input, then, failed, atLast)
  let value: MaybePromise<Input>
  try {
    value = input()
  } catch (error) {
    if (failed === undefined) throw error
    return given(failed(error))
  }
  return isThenable(value) ? throughPromises(() => value, then, failed) : given(then(value))
}

/** As the package's: calls `visit` with one after the other, and collects what it returns, unless that is falsy. */
export function iterateAsync<Input, Output>(
  iterable: Iterable<Input>,
  visit: (input: Input, endEarly: () => void, index: number) => MaybePromise<Output | undefined | null>,
  results?: Output[],
): MaybePromise<void> {
  return goOn(iterable[Symbol.iterator](), 0, visit, results)
}

export { iterateAsync as iterateAsyncVoid }

function goOn<Input, Output>(
  iterator: Iterator<Input>,
  index: number,
  visit: (input: Input, endEarly: () => void, index: number) => MaybePromise<Output | undefined | null>,
  results: Output[] | undefined,
): MaybePromise<void> {
  for (; ; index++) {
    const { done, value } = iterator.next()
    if (done) return
    let ended = false
    const result = visit(
      value,
      () => {
        ended = true
      },
      index,
    )
    if (isThenable(result)) {
      return throughPromises(
        () => result,
        (later) => {
          if (later) results?.push(later)
          if (!ended) return goOn(iterator, index + 1, visit, results)
        },
      )
    }
    if (result) results?.push(result)
    if (ended) return
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (value as { then?: unknown } | null | undefined)?.then != null
}

/** Of the package's own kind of promise, its value. */
function given<Output>(result: MaybePromise<Output>): MaybePromise<Output> {
  return isThenable(result) ? unfakePromise(fakePromise(result as MaybePromiseLike<Output>)) : result
}
