import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a receiver was sent. */
export interface Received {
  headers: IncomingHttpHeaders
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: what it has depends on its type
  json: { type: string; timestamp: string; data: any }
}

export interface Receiver {
  readonly url: string
  /** All that it was sent. */
  readonly received: readonly Received[]
  /** What it answers from now on: a status, with a Location that leads elsewhere; null for nothing at all. */
  answer: number | null
  /** The next message that nobody has taken. */
  next(): Promise<Received>
  /** Of everything that came, what was sent to another path than "/hook". */
  readonly strays: number
  close(): void
}

/** A program that is told of events: a real HTTP server. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const untaken: Received[] = []
  const waiting: ((message: Received) => void)[] = []
  let strays = 0
  const server = createServer(async (request, response) => {
    if (request.url !== '/hook') strays += 1
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const message = { headers: request.headers, body, json: JSON.parse(body) }
    received.push(message)
    if (receiver.answer !== null) {
      response.writeHead(receiver.answer, { location: '/elsewhere' }).end('x'.repeat(100_000))
    }
    const taker = waiting.shift()
    if (taker === undefined) untaken.push(message)
    else taker(message)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: 204,
    next() {
      const message = untaken.shift()
      return message === undefined
        ? new Promise((resolve) => waiting.push(resolve))
        : Promise.resolve(message)
    },
    get strays() {
      return strays
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return receiver
}

/** Whether a message is signed with the secret, as its receiver would find out. */
export function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const expected = `v1,${createHmac('sha256', key).update(content).digest('base64')}`
  return headers['webhook-signature'] === expected
}
