import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { decodeTensor, type NamedTensor } from '../../../src/zoo/safetensors.ts'
import { openSafetensors, writeSafetensors } from '../../../src/zoo/safetensors-file.ts'
import {
  MAX_HEADER_BYTES,
  PREFIX_BYTES,
  parseHeader,
  readHeaderLength,
  SafetensorsError,
} from '../../../src/zoo/safetensors-header.ts'
import { decodeSafetensors, dtypeOf, encodeSafetensors } from '../../support/weights.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes a file as the server does, tensor by tensor. */
async function written(list: readonly NamedTensor[], metadata: Record<string, string> = {}) {
  const path = join(folder, 'file')
  const outlines = list.map(({ name, shape, data }) => ({ name, shape, dtype: dtypeOf(data) }))
  const result = await writeSafetensors(
    path,
    outlines,
    metadata,
    ({ name }) => list.find((it) => it.name === name)!.data,
  )
  return { path, ...result }
}

const tensors: NamedTensor[] = [
  { name: 'features.0.weight', shape: [2, 1, 1, 3], data: new Float32Array([1, -2, 3.5, 0, 1e-40, 1 / 3]) },
  { name: 'features.1.num_batches_tracked', shape: [], data: new BigInt64Array([12n]) },
  { name: 'classifier.0.bias', shape: [1], data: new Float32Array([Number.NEGATIVE_INFINITY]) },
  { name: 'empty', shape: [0, 4], data: new Float32Array(0) },
]

/** A file with this header, as an object or as text, and so many zero bytes of data. */
function file(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([prefix, json, Buffer.alloc(dataBytes)])
}

function f32(shape: unknown, begin: unknown, end: unknown) {
  return { dtype: 'F32', shape, data_offsets: [begin, end] }
}

describe('a safetensors file', () => {
  it('gives back what was written: names, shapes, every bit, metadata', () => {
    const metadata = { format: 'pt', labels: '["Flugzeug","猫"]' }
    const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata))
    expect(decoded.metadata).toEqual(metadata)
    const byName = new Map(decoded.tensors.map((tensor) => [tensor.name, tensor]))
    expect(byName.size).toBe(tensors.length)
    for (const tensor of tensors) expect(byName.get(tensor.name)).toEqual(tensor)
  })

  it('keeps the payload of a NaN', () => {
    const bits = new Uint32Array([0x7fa12345, 0xffc00001])
    const data = new Float32Array(bits.buffer)
    const [decoded] = decodeSafetensors(encodeSafetensors([{ name: 'x', shape: [2], data }])).tensors
    const { buffer, byteOffset } = decoded!.data
    expect(new Uint32Array(buffer, byteOffset, 2)).toEqual(bits)
  })

  it('is written and read tensor by tensor, the same bytes as in memory, with their sha256', async () => {
    const metadata = { format: 'pt' }
    const { path, digest, bytes } = await written(tensors, metadata)
    const whole = readFileSync(path)
    expect(whole.equals(encodeSafetensors(tensors, metadata))).toBe(true)
    expect({ digest, bytes }).toEqual({
      digest: createHash('sha256').update(whole).digest('hex'),
      bytes: whole.length,
    })
    const { header, read, close } = await openSafetensors(path)
    expect(header.metadata).toEqual(metadata)
    for (const entry of header.entries) {
      expect(await read(entry)).toEqual(tensors.find(({ name }) => name === entry.name))
    }
    await close()
  })

  it('has the layout of the format: length, JSON, data from a multiple of 8 on', async () => {
    const whole = readFileSync((await written(tensors)).path)
    const length = Number(whole.readBigUInt64LE(0))
    expect((PREFIX_BYTES + length) % 8).toBe(0)
    const header = JSON.parse(whole.subarray(PREFIX_BYTES, PREFIX_BYTES + length).toString())
    expect(header['features.1.num_batches_tracked']).toEqual({
      dtype: 'I64',
      shape: [],
      data_offsets: [0, 8],
    })
    expect(header['features.0.weight']).toEqual({ dtype: 'F32', shape: [2, 1, 1, 3], data_offsets: [8, 32] })
    expect(whole.readFloatLE(PREFIX_BYTES + length + 8 + 4)).toBe(-2)
  })

  it('is read without a copy where the data is aligned, and rightly where it is not', () => {
    const bytes = encodeSafetensors(tensors)
    const aligned = new Uint8Array(bytes)
    expect(decodeSafetensors(aligned).tensors[1]!.data.buffer).toBe(aligned.buffer)
    for (const shift of [1, 2, 4]) {
      const shifted = Buffer.alloc(bytes.length + shift)
      shifted.set(bytes, shift)
      const first = decodeSafetensors(shifted.subarray(shift)).tensors.find(({ shape }) => shape.length === 4)
      expect(first!.data).toEqual(tensors[0]!.data)
    }
  })

  it('may have float16 and bfloat16 tensors, which become float32 exactly', () => {
    const halves = [0x3c00, 0xc000, 0x3555, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x8000]
    const upper = [0x3f80, 0xc000, 0x7f80, 0x0001]
    const bytes = Buffer.from(new Uint16Array([...halves, ...upper]).buffer)
    const header = {
      half: { dtype: 'F16', shape: [10], data_offsets: [0, 20] },
      brain: { dtype: 'BF16', shape: [2, 2], data_offsets: [20, 28] },
    }
    const whole = file(header, 28)
    bytes.copy(whole, whole.length - 28)
    const [half, brain] = decodeSafetensors(whole).tensors
    expect([...half!.data]).toEqual([
      1,
      -2,
      0.333251953125,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      -0,
    ])
    expect([...brain!.data]).toEqual([1, -2, Number.POSITIVE_INFINITY, 2 ** -133])
  })

  it('can be read tensor by tensor, with the header alone judged first', () => {
    const bytes = encodeSafetensors(tensors)
    const length = readHeaderLength(bytes.subarray(0, PREFIX_BYTES), bytes.length)
    const { entries } = parseHeader(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length), bytes.length)
    const entry = entries.find(({ name }) => name === 'features.0.weight')!
    expect(decodeTensor(entry, bytes.subarray(entry.begin, entry.end))).toEqual(tensors[0])
    expect(() => decodeTensor(entry, bytes.subarray(entry.begin, entry.end - 4))).toThrow(
      /20 of its 24 bytes/,
    )
  })

  it('is not written with two tensors of one name or with a shape that the data does not fill', async () => {
    await expect(written([tensors[0]!, tensors[0]!])).rejects.toThrow(SafetensorsError)
    const unfilled = written([{ ...tensors[0]!, shape: [7] }])
    await expect(unfilled).rejects.toThrow(/6 values of F32 do not fill F32 \[7\]/)
  })
})

describe('a damaged or lying file is refused:', () => {
  const whole = encodeSafetensors(tensors)
  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /has 0 bytes/],
    ['seven bytes', new Uint8Array(7), /has 7 bytes/],
    ['something else', Buffer.from('PK\u0003\u0004 a zip archive'), /not a safetensors file/],
    ['cut short in the header', whole.subarray(0, 50), /cut short/],
    ['cut short in the data', whole.subarray(0, whole.length - 4), /cut short/],
    ['longer than its tensors', Buffer.concat([whole, Buffer.alloc(3)]), /3 bytes after the last tensor/],
    [
      'a header of 2^63 bytes',
      Buffer.concat([Buffer.from('ffffffffffffff7f', 'hex'), whole]),
      /claims 9223372/,
    ],
    ['a header above the limit', file(' '.repeat(MAX_HEADER_BYTES + 1), 0), /at most 1048576/],
    ['a header that is a list', file([], 0), /does not begin with "\{"/],
    ['a header that is not JSON', file('{"a": ', 0), /not JSON/],
    ['a header that is not UTF-8', file('{}', 0).fill(0xff, PREFIX_BYTES), /not UTF-8/],
    ['metadata that is not text', file({ __metadata__: { epochs: 3 } }, 0), /__metadata__/],
    ['an entry that is not an object', file({ a: 5 }, 0), /"a": its header entry is not an object/],
    ['an entry with more in it', file({ a: { ...f32([1], 0, 4), x: 1 } }, 4), /unknown key "x"/],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
        0,
      ),
      /key "a" twice/,
    ],
    [
      'a shape twice',
      file('{"a":{"dtype":"F32","shape":[1],"shape":[0],"data_offsets":[0,0]}}', 0),
      /key "shape" twice/,
    ],
    ['an unknown type', file({ a: { ...f32([1], 0, 8), dtype: 'F128' } }, 8), /type "F128"/],
    ['a type that is not read', file({ a: { ...f32([2], 0, 8), dtype: 'I32' } }, 8), /type I32 is not read/],
    [
      'a type from the prototype',
      file({ a: { ...f32([1], 0, 8), dtype: 'toString' } }, 8),
      /type "toString"/,
    ],
    ['a negative length', file({ a: f32([-1], 0, 4) }, 4), /shape/],
    ['half a length', file({ a: f32([0.5], 0, 2) }, 2), /shape/],
    [
      'a length beyond 2^53',
      file(`{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}`, 4),
      /shape/,
    ],
    ['a huge shape', file({ a: f32([2 ** 50, 2 ** 50], 0, 4) }, 4), /needs \d{31,} bytes/],
    [
      'a shape that wraps around in 64 bits',
      file({ a: f32([2 ** 32, 2 ** 31], 0, 0) }, 0),
      /needs 36893488147419103232/,
    ],
    ['a shape of many lengths', file({ a: f32(new Array(1000).fill(1), 0, 4) }, 4), /at most 8/],
    [
      'a shape larger than its place',
      file({ a: f32([3], 0, 8) }, 8),
      /needs 12 bytes, its data_offsets hold 8/,
    ],
    ['offsets the wrong way round', file({ a: f32([1], 4, 0) }, 4), /begin <= end/],
    [
      'offsets that are three',
      file({ a: { ...f32([1], 0, 4), data_offsets: [0, 4, 8] } }, 4),
      /begin <= end/,
    ],
    ['offsets that are text', file({ a: f32([1], '0', '4') }, 4), /begin <= end/],
    ['offsets beyond the end', file({ a: f32([1], 4, 8) }, 4), /"a" ends at byte/],
    ['tensors that overlap', file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), /"b" overlaps/],
    ['a tensor inside another', file({ a: f32([3], 0, 12), b: f32([1], 4, 8) }, 12), /"b" overlaps/],
    [
      'a gap between tensors',
      file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
      /4 bytes before tensor "b"/,
    ],
    ['a gap before the first', file({ a: f32([1], 4, 8) }, 8), /4 bytes before tensor "a"/],
  ])('%s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError)
    expect(() => decodeSafetensors(bytes)).toThrow(message)
  })

  it('with a short message, whatever the header holds', () => {
    const name = 'x'.repeat(500_000)
    const messages = [{ [name]: 1 }, { a: f32([1], 0, 4), [name]: f32([1], 0, 4) }].map((header) => {
      try {
        decodeSafetensors(file(header, 4))
      } catch (error) {
        return (error as Error).message
      }
      throw new Error('Nothing was thrown.')
    })
    for (const message of messages) expect(message.length).toBeLessThan(300)
  })

  it('or, with any one byte changed, read as tensors that fit the file', () => {
    // Every byte of the header, set to several values: nothing but SafetensorsError, or a consistent file.
    const length = readHeaderLength(whole, whole.length)
    for (let at = 0; at < PREFIX_BYTES + length; at++) {
      for (const value of [0, 0x22, 0x2c, 0x39, 0x5d, 0x7d, 0xff]) {
        const changed = new Uint8Array(whole)
        changed[at] = value
        try {
          const bytes = decodeSafetensors(changed).tensors.reduce((sum, { data }) => sum + data.byteLength, 0)
          expect(bytes).toBe(whole.length - PREFIX_BYTES - length)
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError)
        }
      }
    }
  })
})
