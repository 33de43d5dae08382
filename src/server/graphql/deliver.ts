import type { Duplex } from 'node:stream'
import type { ExecutionResult } from 'graphql'
import type { WebSocket } from 'ws'
import { SharedResult } from './shared-execution.ts'

/** A final frame of text, not masked, as servers send them (RFC 6455, 5.2). */
const TEXT_FRAME = 0x81
/** In the place of a length: it follows in so many bytes. */
const LENGTH_IN_2 = 126
const LENGTH_IN_8 = 127
const END_OF_OBJECT = 0x7d

/**
 * Sends the results that are shared, each as its bytes behind the id that the client gave its subscription; graphql-ws would
 * write the JSON for each client again, and ws hand it to the kernel in two pieces. What else there is, and the end,
 * graphql-ws gets to tell.
 *
 * @param connection  the socket's own, on which whole frames may stand between those of ws, as nothing is compressed
 */
export function deliver(
  socket: WebSocket,
  connection: Duplex,
  id: string,
  results: AsyncIterator<ExecutionResult>,
): AsyncIterableIterator<ExecutionResult> {
  const head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`)
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      for (;;) {
        const result = await results.next()
        if (result.done || !(result.value instanceof SharedResult)) return result
        if (socket.readyState !== socket.OPEN) continue
        const written = write(connection, frameOf(head, result.value.bytes))
        if (written !== undefined) await written
      }
    },
    async return() {
      await results.return?.()
      return { done: true, value: undefined }
    },
  }
}

/**
 * What is written in one turn leaves together: a subscriber that catches up gets a page in one piece.
 * @returns resolves when the frame has left, or never will; undefined as long as there is room for more
 */
function write(connection: Duplex, frame: Buffer): Promise<void> | undefined {
  if (connection.writableCorked === 0) {
    connection.cork()
    process.nextTick(uncork, connection)
  }
  if (connection.writableLength + frame.length < connection.writableHighWaterMark) {
    connection.write(frame)
    return undefined
  }
  return new Promise((resolve) => {
    connection.write(frame, () => resolve())
  })
}

function uncork(connection: Duplex): void {
  connection.uncork()
}

/** @param payload  JSON, the last member of the object that `head` begins */
function frameOf(head: Buffer, payload: Buffer): Buffer {
  const length = head.length + payload.length + 1
  const inLength = length < LENGTH_IN_2 ? 0 : length < 2 ** 16 ? 2 : 8
  const frame = Buffer.allocUnsafe(2 + inLength + length)
  frame[0] = TEXT_FRAME
  frame[1] = inLength === 0 ? length : inLength === 2 ? LENGTH_IN_2 : LENGTH_IN_8
  if (inLength === 2) frame.writeUInt16BE(length, 2)
  if (inLength === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  head.copy(frame, 2 + inLength)
  payload.copy(frame, 2 + inLength + head.length)
  frame[frame.length - 1] = END_OF_OBJECT
  return frame
}
