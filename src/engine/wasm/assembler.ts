/**
 * Just enough of the WebAssembly binary format (https://webassembly.github.io/spec/core/binary/) to write
 * SIMD kernels as expressions. An instruction is the bytes it encodes to; operands come first.
 */
export type Code = readonly number[]

/** A local variable or parameter of a function under construction. */
export interface Local {
  get: Code
  set(value: Code): Code
}

const I32 = 0x7f
const V128 = 0x7b

/** One exported function without results; its parameters are all i32 (addresses, strides, counts). */
export class FunctionBuilder<Parameter extends string = string> {
  readonly name: string
  readonly parameterNames: readonly Parameter[]
  readonly parameters: Record<Parameter, Local>
  readonly #locals: number[] = []
  body: Code = []

  constructor(name: string, parameterNames: readonly Parameter[]) {
    this.name = name
    this.parameterNames = parameterNames
    this.parameters = named(parameterNames, (_, index) => localAt(index))
  }

  i32<Name extends string>(...names: Name[]): Record<Name, Local> {
    return named(names, () => this.#declare(I32))
  }

  v128(): Local {
    return this.#declare(V128)
  }

  #declare(type: number): Local {
    this.#locals.push(type)
    return localAt(this.parameterNames.length + this.#locals.length - 1)
  }

  encode(): Code {
    return withSize([...vector(this.#locals.map((type) => [1, type])), ...this.body, 0x0b])
  }
}

function named<Name extends string>(
  names: readonly Name[],
  make: (name: Name, index: number) => Local,
): Record<Name, Local> {
  return Object.fromEntries(names.map((name, index) => [name, make(name, index)])) as Record<Name, Local>
}

function localAt(index: number): Local {
  const name = unsigned(index)
  return { get: [0x20, ...name], set: (value) => [...value, 0x21, ...name] }
}

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  sub: (a: Code, b: Code): Code => [...a, ...b, 0x6b],
  mul: (a: Code, b: Code): Code => [...a, ...b, 0x6c],
  ne: (a: Code, b: Code): Code => [...a, ...b, 0x47],
  shiftLeft: (a: Code, bits: number): Code => [...a, ...i32.const(bits), 0x74],
  /** Unsigned. */
  shiftRight: (a: Code, bits: number): Code => [...a, ...i32.const(bits), 0x76],
}

const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)]
// Alignment 2^2 is a hint that holds for every float32; offsets are bytes.
const at = (offset: number): Code => [2, ...unsigned(offset)]

/** Four float32 at once. Offsets are constants in bytes, at least 0. */
export const f32x4 = {
  load: (address: Code, offset = 0): Code => [...address, ...simd(0x00), ...at(offset)],
  /** One float32 in all four lanes. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...simd(0x09), ...at(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(0x0b),
    ...at(offset),
  ],
  zero: (): Code => [...simd(0x0c), ...new Array<number>(16).fill(0)],
  const: (value: number): Code => [0x43, ...new Uint8Array(new Float32Array([value]).buffer), ...simd(0x13)],
  /** Lanes of a and b by number: 0 to 3 are a's, 4 to 7 are b's. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [
    ...a,
    ...b,
    ...simd(0x0d),
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  ],
  eq: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x41)],
  and: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x4e)],
  /** a and not b */
  andNot: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x4f)],
  or: (a: Code, b: Code): Code => [...a, ...b, ...simd(0x50)],
  add: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe4)],
  sub: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe5)],
  mul: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe6)],
  max: (a: Code, b: Code): Code => [...a, ...b, ...simd(0xe9)],
}

/** `local += bytes` */
export const advance = (local: Local, bytes: Code | number): Code =>
  local.set(i32.add(local.get, typeof bytes === 'number' ? i32.const(bytes) : bytes))

/** Runs the body `count` times, at least once. `counter` is overwritten. */
export function repeat(counter: Local, count: Code | number, body: Code): Code {
  const times = typeof count === 'number' ? i32.const(count) : count
  const next = [...counter.set(i32.sub(counter.get, i32.const(1))), ...counter.get]
  // loop { body; if (--counter) continue }
  return [...counter.set(times), 0x03, 0x40, ...body, ...next, 0x0d, 0x00, 0x0b]
}

/** A module with these functions; it imports its memory as `env.memory`. */
export function encodeModule(functions: readonly FunctionBuilder[]): Uint8Array<ArrayBuffer> {
  const types = functions.map((f) => [0x60, ...vector(f.parameterNames.map(() => [I32])), 0x00])
  const memory = [...text('env'), ...text('memory'), 0x02, 0x00, 0x01]
  const exports = functions.map((f, index) => [...text(f.name), 0x00, ...unsigned(index)])
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, types),
    ...section(2, [memory]),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(7, exports),
    ...section(
      10,
      functions.map((f) => f.encode()),
    ),
  ])
}

const section = (id: number, entries: readonly Code[]): Code => [id, ...withSize(vector(entries))]
const vector = (entries: readonly Code[]): Code => [...unsigned(entries.length), ...entries.flat()]
const withSize = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes]
const text = (name: string): Code => withSize([...Buffer.from(name)])

/** LEB128, see the spec's "Integers". */
function unsigned(value: number): Code {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

function signed(value: number): Code {
  const bytes: number[] = []
  let rest = value
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}
