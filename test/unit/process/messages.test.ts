import { Duplex, PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { openMessages } from '../../../src/process/messages.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What is sent into a stream, in pieces of so many bytes. */
async function sent(messages: readonly unknown[], bytes: number): Promise<Buffer[]> {
  const stream = new PassThrough()
  const { send } = openMessages(Duplex.from({ writable: stream, readable: new PassThrough() }), () => {})
  for (const message of messages) send(message)
  await turn()
  await turn()
  const all: Buffer = stream.read()
  return Array.from({ length: Math.ceil(all.length / bytes) }, (_, i) =>
    all.subarray(i * bytes, (i + 1) * bytes),
  )
}

test('messages come as they were sent, in whatever pieces their bytes come', async () => {
  const messages = [
    { id: 1, picture: Uint8Array.of(1, 2, 3) },
    { id: 2, logits: Float32Array.of(0.5, -1) },
    { id: 3 },
  ]
  for (const bytes of [1, 3, 7, 1000]) {
    const stream = new PassThrough()
    const received: unknown[] = []
    openMessages(stream, (message) => received.push(message))
    for (const piece of [...(await sent(messages, bytes)), ...(await sent([{ id: 4 }], bytes))])
      stream.write(piece)
    await turn()
    expect(received).toEqual([...messages, { id: 4 }])
  }
})

test('what is sent to an end that is gone is dropped', async () => {
  const stream = new PassThrough()
  const { send } = openMessages(stream, () => {})
  stream.destroy(new Error('gone'))
  send({ id: 1 })
  await turn()
  expect(stream.destroyed).toBe(true)
})
