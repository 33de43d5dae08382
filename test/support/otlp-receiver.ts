import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Value = string | number | boolean

/** A span as a collector is told of it, with what is said of the process that made it. */
export interface ReceivedSpan {
  traceId: string
  spanId: string
  /** Empty for the first of a trace. */
  parentSpanId: string
  name: string
  /** 1: within a process; 2: answers somebody. */
  kind: number
  /** In nanoseconds since 1970. */
  start: bigint
  end: bigint
  attributes: Record<string, Value>
  links: { traceId: string; spanId: string }[]
  /** code: 2 for an error. */
  status: { code: number; message: string }
  resource: Record<string, Value>
}

export interface OtlpReceiver {
  readonly url: string
  readonly spans: readonly ReceivedSpan[]
  /** Headers of the last request. */
  readonly headers: NodeJS.Dict<string | string[]>
  /** Resolves with what `find` makes of all spans, as soon as that is something. */
  until<Found>(find: (spans: readonly ReceivedSpan[]) => Found | undefined): Promise<Found>
  close(): void
}

/** A collector of OpenTelemetry: a real HTTP server that takes OTLP in protobuf. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const lookers = new Set<() => void>()
  let headers: NodeJS.Dict<string | string[]> = {}
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/x-protobuf') {
      return void response.writeHead(415).end()
    }
    headers = request.headers
    spans.push(...spansOf(Buffer.concat(chunks)))
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    for (const look of lookers) look()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get headers() {
      return headers
    },
    until: (find) =>
      new Promise((resolve) => {
        const look = () => {
          const found = find(spans)
          if (found === undefined) return
          lookers.delete(look)
          resolve(found)
        }
        lookers.add(look)
        look()
      }),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** ExportTraceServiceRequest of opentelemetry/proto/collector/trace/v1, as far as it is looked at. */
function spansOf(bytes: Buffer): ReceivedSpan[] {
  return messages(bytes, 1).flatMap((resourceSpans) => {
    const [resource] = messages(resourceSpans, 1)
    const said = resource === undefined ? {} : attributesOf(resource, 1)
    return messages(resourceSpans, 2).flatMap((scopeSpans) =>
      messages(scopeSpans, 2).map((span) => spanOf(span, said)),
    )
  })
}

function spanOf(bytes: Buffer, resource: ReceivedSpan['resource']): ReceivedSpan {
  const span = fieldsOf(bytes)
  const [status = Buffer.alloc(0)] = messages(bytes, 15)
  const number = (fields: Fields, field: number) => Number(fields.get(field)?.[0] ?? 0)
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    parentSpanId: hex(span, 4),
    name: text(span, 5),
    kind: number(span, 6),
    start: span.get(7)![0] as bigint,
    end: span.get(8)![0] as bigint,
    attributes: attributesOf(bytes, 9),
    links: messages(bytes, 13)
      .map(fieldsOf)
      .map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    status: { code: number(fieldsOf(status), 3), message: text(fieldsOf(status), 2) },
    resource,
  }
}

function attributesOf(bytes: Buffer, field: number): Record<string, Value> {
  return Object.fromEntries(
    messages(bytes, field).map((pair) => {
      const [value = Buffer.alloc(0)] = messages(pair, 2)
      return [text(fieldsOf(pair), 1), valueIn(fieldsOf(value))]
    }),
  )
}

function valueIn(any: Fields): Value {
  if (any.has(1)) return text(any, 1)
  if (any.has(2)) return any.get(2)![0] === 1n
  if (any.has(3)) return Number(any.get(3)![0])
  const bits = new BigUint64Array([any.get(4)![0] as bigint])
  return new Float64Array(bits.buffer)[0]!
}

/** By their numbers: varints and fixed ones as integers, the rest as bytes. */
type Fields = Map<number, (bigint | Buffer)[]>

/** The wire format, https://protobuf.dev/programming-guides/encoding. */
function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  const varint = () => {
    for (let [value, shift] = [0n, 0n]; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number) => {
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const key = Number(varint())
    const value = [
      varint,
      () => take(8).readBigUInt64LE(),
      () => take(Number(varint())),
      undefined,
      undefined,
      () => BigInt(take(4).readUInt32LE()),
    ][key & 7]!()
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value])
  }
  return fields
}

const messages = (bytes: Buffer, field: number) => (fieldsOf(bytes).get(field) ?? []) as Buffer[]
const hex = (fields: Fields, field: number) => ((fields.get(field)?.[0] ?? '') as Buffer).toString('hex')
const text = (fields: Fields, field: number) => ((fields.get(field)?.[0] ?? '') as Buffer).toString()
