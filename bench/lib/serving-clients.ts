/** Programs that send a picture, wait for the answer and send the next, over HTTP as any would. */
import { connect, type Socket } from 'node:net'
import type { ServedVersion } from './serving-server.ts'
import { quantile } from './statistics.ts'

export interface ClientsResult {
  perSecond: number
  /** Milliseconds from the first byte of a request to the last of its answer. */
  p50: number
  p99: number
  answers: number
  seconds: number
}

export interface ClientsOptions {
  clients: number
  seconds: number
  /** Before anything is counted. */
  warmSeconds?: number
  /** Called when the counting begins, and when it has ended. */
  onBegin?(): void
  onEnd?(): void
}

export type ModelInput = { versionId: string } | { alias: { model: string; name: string } }

export const byId = ({ id }: ServedVersion): ModelInput => ({ versionId: id })

const PREDICT = `query Predict($input: PredictInput!) {
  predict(input: $input) { __typename ... on Prediction { label confidence modelVersion { version } } }
}`

/** The bytes of a request that asks for a prediction of a picture, in base64. */
export function predictRequest(url: string, model: ModelInput, picture: Uint8Array, token?: string): Buffer {
  const image = { base64: Buffer.from(picture).toString('base64') }
  return request(url, { query: PREDICT, variables: { input: { image, model } } }, token)
}

export function request(url: string, operation: object, token?: string): Buffer {
  const body = JSON.stringify(operation)
  const head = [
    'POST /graphql HTTP/1.1',
    `host: ${new URL(url).host}`,
    'accept: application/json',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/**
 * Sends the requests in turns from so many connections, each one after the other. Every answer is looked at.
 *
 * @param wanted  what an answer must hold
 */
export async function measureClients(
  url: string,
  requests: readonly Buffer[],
  { clients, seconds, warmSeconds = 1, onBegin, onEnd }: ClientsOptions,
  wanted = '"__typename":"Prediction"',
): Promise<ClientsResult> {
  const latencies: number[] = []
  const begin = performance.now() + warmSeconds * 1000
  const end = begin + seconds * 1000
  const timers = [setTimeout(() => onBegin?.(), warmSeconds * 1000)]
  timers.push(setTimeout(() => onEnd?.(), (warmSeconds + seconds) * 1000))
  let next = 0
  const client = async () => {
    const connection = await open(url)
    try {
      for (;;) {
        const sent = performance.now()
        if (sent >= end) return
        const answer = await connection.ask(requests[next++ % requests.length]!)
        const now = performance.now()
        if (!answer.includes(wanted)) throw new Error(`An answer without ${wanted}: ${answer.slice(0, 500)}`)
        if (now >= begin && now < end) latencies.push(now - sent)
      }
    } finally {
      connection.close()
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, client))
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
  return {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    answers: latencies.length,
    seconds,
  }
}

interface Connection {
  /** The body of the answer. */
  ask(request: Buffer): Promise<string>
  close(): void
}

/** Node's own client takes as much of the machine as the server does; this one reads what the server writes, and no more. */
function open(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url)
  return new Promise((opened, failed) => {
    let answered: ((body: string) => void) | undefined
    let broken: (error: Error) => void = failed
    let received = ''
    const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true }, () =>
      opened({
        ask: (bytes) =>
          new Promise((resolve, reject) => {
            answered = resolve
            broken = reject
            socket.write(bytes)
          }),
        close: () => socket.destroy(),
      }),
    )
    // Answers are ASCII here: a character is a byte.
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      const head = received.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, head))?.[1]
      const whole =
        length === undefined
          ? received.endsWith('\r\n0\r\n\r\n')
          : received.length >= head + 4 + Number(length)
      if (!whole) return
      const body = received.slice(head + 4)
      received = ''
      answered?.(body)
    })
    socket.on('error', (error) => broken(error))
    socket.on('close', () => broken(new Error('The server closed a connection.')))
  })
}
