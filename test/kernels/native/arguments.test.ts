import { inspect } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { NativeAddon } from '../../../src/engine/native/addon.ts'
import { type Argument, CALLS, UNTOUCHED } from './addon-calls.ts'
import { addon, startNative } from './support.ts'

beforeAll(async () => {
  await startNative()
})

type Name = keyof NativeAddon
type Typed = Float32Array | Int32Array | Uint8Array

const call = (name: Name, args: unknown[]) => (addon[name] as (...args: unknown[]) => unknown)(...args)

/** Calls a function with one argument that is wrong: it must be named, and nothing may be written. */
function expectRefused(name: Name, args: Argument[], at: number, wrong: unknown, message: RegExp): void {
  const values = args.map(({ value }, i) => (i === at ? wrong : value))
  const outputs = args.filter(({ output }, i) => output && i !== at).map(({ value }) => value as Typed)
  const what = `${name}, ${args[at].name}: ${inspect(wrong).slice(0, 80)}`
  expect(() => call(name, values), what).toThrow(
    expect.objectContaining({
      name: 'RangeError',
      code: 'ERR_NATIVE_ARGUMENT',
      message: expect.stringMatching(message),
    }),
  )
  for (const output of outputs)
    expect(
      output.every((value) => value === UNTOUCHED),
      what,
    ).toBe(true)
}

/** An array whose memory was given away: nothing is left of it. */
function detached(array: Typed): Typed {
  const copy = array.slice()
  structuredClone(copy.buffer, { transfer: [copy.buffer] })
  return copy
}

function wrongTypes({ value, optional }: Argument): unknown[] {
  const { NaN: nan, POSITIVE_INFINITY: infinite } = Number
  const nothing = optional ? [] : [null, undefined]
  if (typeof value === 'boolean') return [...nothing, 0, 1, 'true', {}]
  if (typeof value === 'number') return [...nothing, '1', true, 1n, {}, [1], () => 1]
  const { length } = value as Typed
  const others = [Float32Array, Float64Array, Int32Array, Uint32Array, Uint8Array, Uint8ClampedArray]
  return [
    ...nothing,
    nan,
    infinite,
    'array',
    {},
    Array.from(value as Typed),
    new DataView(new ArrayBuffer(4 * length)),
    new ArrayBuffer(4 * length),
    ...others.filter((type) => !(value instanceof type)).map((type) => new type(length)),
  ]
}

function wrongLengths(value: Typed): Typed[] {
  const type = value.constructor as Float32ArrayConstructor
  const lengths = [0, value.length - 1, value.length + 1, 2 * value.length]
  return [
    ...lengths.filter((length) => length !== value.length).map((length) => new type(length)),
    detached(value),
  ]
}

function wrongShapes(value: Int32Array, least: number[]): Int32Array[] {
  return least.flatMap((smallest, at) =>
    [smallest - 1, -1, -(2 ** 31)].map((number) => Int32Array.from(value).fill(number, at, at + 1)),
  )
}

test('every function that computes is called here', () => {
  const others = ['address', 'hugePages', 'instructionSets', 'peak', 'release', 'start']
  expect([...Object.keys(CALLS), ...others].sort()).toEqual(Object.keys(addon).sort())
})

describe.each(Object.entries(CALLS) as [Name, () => Argument[]][])('%s', (name, argumentsOf) => {
  test('computes with what it is meant for', () => {
    const args = argumentsOf()
    call(
      name,
      args.map(({ value }) => value),
    )
    for (const { output, value } of args) {
      if (output) expect((value as Typed).some((number) => number !== UNTOUCHED)).toBe(true)
    }
  })

  test('refuses arguments of another type by name, and writes nothing', () => {
    for (const [at, argument] of argumentsOf().entries()) {
      for (const wrong of wrongTypes(argument)) {
        expectRefused(
          name,
          argumentsOf(),
          at,
          wrong,
          argument.anyLength ? /must be/ : new RegExp(argument.name),
        )
      }
    }
  })

  test('refuses arrays that are too short, too long or given away', () => {
    for (const [at, argument] of argumentsOf().entries()) {
      if (!ArrayBuffer.isView(argument.value)) continue
      for (const wrong of wrongLengths(argument.value as Typed)) {
        expectRefused(
          name,
          argumentsOf(),
          at,
          wrong,
          new RegExp(`(${argument.name}).* values, its shape says`),
        )
      }
    }
  })

  test('refuses numbers and shapes that no array could have', () => {
    for (const [at, { name: what, value, least, wrong = [] }] of argumentsOf().entries()) {
      const shapes = Array.isArray(least) ? wrongShapes(value as Int32Array, least) : []
      const { NaN: nan, POSITIVE_INFINITY: infinite } = Number
      const wholes = typeof least === 'number' ? [least - 1, -3, 1.5, nan, infinite, -infinite, 2e12] : []
      for (const bad of [...shapes, ...wholes, ...wrong])
        expectRefused(name, argumentsOf(), at, bad, new RegExp(what))
    }
  })

  test('refuses lengths that are larger than its arrays, up to ones whose product overflows', () => {
    for (const [at, { value, least, free = [] }] of argumentsOf().entries()) {
      if (typeof least === 'number') {
        for (const large of [1000, 2 ** 31, 2 ** 32, 1e12])
          expectRefused(name, argumentsOf(), at, large, /native/)
      } else if (least !== undefined) {
        const lying = least.flatMap((_, i) =>
          free.includes(i)
            ? []
            : [1000, 2 ** 31 - 1].map((large) => Int32Array.from(value as Int32Array).fill(large, i, i + 1)),
        )
        const immense = Int32Array.from(value as Int32Array).fill(2 ** 31 - 1)
        for (const wrong of [...lying, immense]) expectRefused(name, argumentsOf(), at, wrong, /native/)
      }
    }
  })

  test('refuses to be called with too little', () => {
    const args = argumentsOf()
    for (let count = 0; count < args.length; count++) {
      const values = args.slice(0, count).map(({ value }) => value)
      expect(() => call(name, values)).toThrow(expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT' }))
    }
    for (const { output, value } of args) {
      if (output) expect((value as Typed).every((number) => number === UNTOUCHED)).toBe(true)
    }
  })
})

describe('the engine', () => {
  test.each([[0], [-1], [1.5], [1025], [Number.NaN], ['2'], [null], [undefined]])(
    'does not start with %s threads',
    (threads) => {
      expect(() => addon.start(threads as number, null)).toThrow(
        expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT', message: expect.stringMatching(/threads/) }),
      )
    },
  )

  test.each([['MMX'], [''], ['AVX2 '.repeat(40)], [2]])(
    'does not start on instruction set %s',
    (instructionSet) => {
      expect(() => addon.start(2, instructionSet as string)).toThrow(
        expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT' }),
      )
    },
  )

  test('computes on after a start that failed', () => {
    expect(() => addon.start(0, null)).toThrow()
    const y = new Float32Array(3)
    addon.unary(0, Float32Array.of(-1, 0, 2), 0, 0, y)
    expect([...y]).toEqual([0, 0, 2])
  })

  test('says where an ArrayBuffer lies, and nothing about anything else', () => {
    expect(addon.address(new ArrayBuffer(8))).toBeLessThan(2 ** 21)
    for (const wrong of [null, undefined, 8, new Float32Array(2), {}])
      expect(() => addon.address(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT' }),
      )
  })

  test('asks for huge pages whatever the length of an array, and never for anything else', () => {
    for (const length of [0, 1, 2 ** 21]) {
      const values = new Float32Array(length)
      addon.hugePages(values)
      expect(values.every((value) => value === 0)).toBe(true)
    }
    for (const wrong of [null, undefined, 8, new ArrayBuffer(8), new Float64Array(2), {}])
      expect(() => addon.hugePages(wrong as never)).toThrow(
        expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT' }),
      )
  })
})
