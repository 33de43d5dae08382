import type { Duplex } from 'node:stream'
import { deserialize, serialize } from 'node:v8'

/** The other end of a stream of messages. */
export interface Messages<Out> {
  /** Those of one turn of the event loop go together. To an end that is gone they are dropped. */
  send(message: Out): void
}

/** The length of what follows, in bytes. */
const HEADER = 4

/**
 * Messages as structured clones over a stream of bytes, many in one write. Node's own channel between processes has one
 * write and one read for each, and none in a thread beside the main one.
 *
 * @param onMessage  typed arrays in a message are views of the bytes that came: keep none longer than the whole
 */
export function openMessages<In, Out>(stream: Duplex, onMessage: (message: In) => void): Messages<Out> {
  let waiting: Out[] = []
  let received: Buffer[] = []
  let size = 0

  function flush(): void {
    const body = serialize(waiting)
    waiting = []
    if (stream.destroyed) return
    const header = Buffer.allocUnsafe(HEADER)
    header.writeUInt32LE(body.length)
    stream.cork()
    stream.write(header)
    stream.write(body)
    stream.uncork()
  }

  /** The first so many bytes of what came. */
  function peek(bytes: number): Buffer {
    if (received[0]!.length < bytes) received = [Buffer.concat(received)]
    return received[0]!.subarray(0, bytes)
  }

  function drop(bytes: number): void {
    const rest = received[0]!.subarray(bytes)
    size -= bytes
    if (rest.length > 0) received[0] = rest
    else received.shift()
  }

  stream.on('data', (chunk: Buffer) => {
    received.push(chunk)
    size += chunk.length
    while (size >= HEADER) {
      const whole = HEADER + peek(HEADER).readUInt32LE()
      if (size < whole) return
      const messages = deserialize(peek(whole).subarray(HEADER)) as In[]
      drop(whole)
      for (const message of messages) onMessage(message)
    }
  })
  // Who ends tells so in another way.
  stream.on('error', () => {})
  return {
    send(message) {
      if (waiting.push(message) === 1) setImmediate(flush)
    },
  }
}
