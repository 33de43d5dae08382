import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import WebSocket from 'ws'
import { broken } from '../damage.ts'
import type { Draw } from '../random.ts'
import type { Attack } from './bombard.ts'
import { asked, paramsOf } from './documents.ts'
import { anything, Fields, jsonOf, text, Written } from './values.ts'
import { codesOf, exchange, isCode } from './wire.ts'

type Target = { readonly url: string }

const PROTOCOL = 'graphql-transport-ws'
/** Of a server: it says what it is not to say. 1011 and 4500 stand for errors of its own. */
const FAULTS = [1011, 4500]
const TYPES = [
  'connection_init',
  'subscribe',
  'ping',
  'pong',
  'complete',
  'next',
  'error',
  'connection_ack',
  'start',
  'stop',
  '__proto__',
  '',
]

function message(draw: Draw): string {
  if (draw.chance(0.5)) {
    const params = paramsOf(draw, asked(draw, ['query', 'mutation', 'subscription', 'subscription']))
    return jsonOf(
      new Fields([
        ['id', draw.chance(0.8) ? draw.oneOf(['a', 'b', 'c']) : anything(draw, 1)],
        ['type', 'subscribe'],
        ['payload', new Written(params)],
      ]),
    )
  }
  const type = draw.chance(0.9) ? draw.oneOf(TYPES) : anything(draw, 1)
  return jsonOf(
    new Fields([
      ['id', draw.chance(0.7) ? draw.oneOf(['a', 'b', 'c', text(draw)]) : anything(draw, 1)],
      ['type', type],
      ['payload', anything(draw)],
    ]),
  )
}

/** Messages of the protocol in an order and with contents of their own. */
export const messages =
  (server: Target): Attack =>
  async (draw) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, PROTOCOL)
    await once(socket, 'open')
    const closed = new Promise<[code: number, reason: Buffer]>((resolve) => {
      socket.once('close', (code, reason) => resolve([code, reason])).on('error', () => {})
    })
    const sent: string[] = []
    const faults: string[] = []
    const done = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        const it = JSON.parse(String(data))
        if (it.type === 'pong' && it.payload?.last === true) resolve()
        const codes =
          it.type === 'error'
            ? codesOf({ errors: it.payload })
            : it.type === 'next'
              ? codesOf(it.payload)
              : []
        if (codes.some((code) => !isCode(code))) faults.push(`an error without a code: ${data}`)
      })
    })
    const send = (data: string | Buffer) => {
      sent.push(String(data))
      socket.send(data)
    }
    if (draw.chance(0.9))
      send(
        jsonOf(
          new Fields([
            ['type', 'connection_init'],
            ['payload', draw.chance(0.8) ? new Fields([]) : anything(draw)],
          ]),
        ),
      )
    for (let i = 1 + draw.below(5); i > 0; i--) {
      const it = message(draw)
      send(
        draw.chance(0.8)
          ? it
          : draw.chance(0.5)
            ? broken(draw, Buffer.from(it)).bytes
            : broken(draw, Buffer.from(it)).bytes.toString(),
      )
    }
    // Messages are taken up in their order, so that whatever is refused at once is refused by then.
    send('{"type":"ping","payload":{"last":true}}')
    await Promise.race([done, closed])
    socket.close()
    const [code, reason] = await closed
    if (FAULTS.includes(code)) faults.push(`closed with ${code} ${reason}`)
    return faults.length === 0 ? null : `${faults[0]} <- ${sent.join('\n').slice(0, 3000)}`
  }

/** A frame of RFC 6455 whose every part may be wrong. */
function frame(draw: Draw): Buffer {
  const payload = draw.chance(0.7) ? Buffer.from(message(draw)) : draw.bytes(draw.below(300))
  const opcode = draw.chance(0.6) ? 1 : draw.below(16)
  const reserved = draw.chance(0.9) ? 0 : draw.below(8) << 4
  const isMasked = draw.chance(0.95)
  const claimed = draw.chance(0.9)
    ? payload.length
    : draw.oneOf([0, 125, 126, 65_535, 65_536, 2 ** 31, 2 ** 40, payload.length + 1])
  const size = claimed < 126 && draw.chance(0.9) ? 0 : claimed < 65_536 && draw.chance(0.9) ? 2 : 8
  const head = Buffer.alloc(2 + size)
  head[0] = (draw.chance(0.9) ? 0x80 : 0) | reserved | opcode
  head[1] = (isMasked ? 0x80 : 0) | (size === 0 ? claimed & 0x7f : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(claimed & 0xffff, 2)
  if (size === 8) head.writeBigUInt64BE(draw.chance(0.1) ? 2n ** 64n - 1n : BigInt(claimed), 2)
  const mask = isMasked ? draw.bytes(4) : Buffer.alloc(0)
  const masked = isMasked ? Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]!)) : payload
  return Buffer.concat([head, mask, masked])
}

/** Frames that are none, or not quite, cut anywhere. */
export const frames =
  ({ url }: Target): Attack =>
  async (draw) => {
    const key = randomBytes(16).toString('base64')
    const upgrade = [
      'GET /graphql HTTP/1.1',
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      `Sec-WebSocket-Protocol: ${PROTOCOL}`,
      '',
      '',
    ]
    const sent = Buffer.concat([
      ...(draw.chance(0.8) ? [textFrame('{"type":"connection_init"}')] : []),
      ...Array.from({ length: 1 + draw.below(4) }, () => frame(draw)),
    ])
    const bytes = draw.chance(0.3) ? broken(draw, sent).bytes : sent
    const at = draw.below(bytes.length + 1)
    const pieces = [Buffer.from(upgrade.join('\r\n')), bytes.subarray(0, at), bytes.subarray(at)]
    const fault = faultIn(await exchange(url, pieces, false))
    return fault === null ? null : `${fault} <- ${bytes.toString('base64')}`
  }

function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  // Masked with zeros, it stays as it is.
  return Buffer.concat([Buffer.of(0x81, 0x80 | payload.length, 0, 0, 0, 0), payload])
}

/** What is wrong with what a server said: after the head of its upgrade frames that nothing masks. */
function faultIn(bytes: Buffer): string | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return null
  const head = bytes.subarray(0, end).toString('latin1')
  if (!head.startsWith('HTTP/1.1 101')) return /^HTTP\/1.1 4/.test(head) ? null : head
  let rest = bytes.subarray(end + 4)
  while (rest.length >= 2) {
    const short = rest[1]! & 0x7f
    const start = short === 127 ? 10 : short === 126 ? 4 : 2
    const length =
      short === 127 ? Number(rest.readBigUInt64BE(2)) : short === 126 ? rest.readUInt16BE(2) : short
    const payload = rest.subarray(start, start + length)
    const opcode = rest[0]! & 0x0f
    if (opcode === 8 && length >= 2 && FAULTS.includes(payload.readUInt16BE(0)))
      return `closed with ${payload.readUInt16BE(0)} ${payload.subarray(2)}`
    if (opcode === 1 && payload.length === length) {
      const { type, payload: it } = JSON.parse(payload.toString())
      const codes = type === 'error' ? codesOf({ errors: it }) : type === 'next' ? codesOf(it) : []
      if (codes.some((code) => !isCode(code))) return `an error without a code: ${payload}`
    }
    rest = rest.subarray(start + length)
  }
  return null
}
