/** Those who watch: sockets that speak graphql-transport-ws by hand, as little as there is to it. */
import { once } from 'node:events'
import WebSocket from 'ws'
import type { FromWatchers, ToWatchers, Watched } from './watchers.ts'

const AT = '"at":"'
const AT_LENGTH = '2026-01-01T00:00:00.000Z'.length

/** By the place of the watcher. */
let sockets: WebSocket[] = []
let latencies: number[] = []

process.on('message', async (message: ToWatchers) => {
  switch (message.type) {
    case 'attach':
      return attach(message)
    case 'report':
      tell({ type: 'report', messages: latencies.length, latencies })
      latencies = []
      return
    case 'leave':
      await leave()
      tell({ type: 'left' })
  }
})

function attach({ url, watched, count }: Extract<ToWatchers, { type: 'attach' }>): void {
  const began = Date.now()
  let waiting = count
  const onLive = () => {
    waiting -= 1
    if (waiting === 0) tell({ type: 'live', ms: Date.now() - began })
  }
  sockets = []
  const open = (i: number) => {
    const socket = watch(url, watched[i % watched.length]!, began, onLive)
    sockets[i] = socket
    // As clients do: a server that is too busy with the others' closes it.
    socket.once('close', () => {
      if (sockets[i] === socket) open(i)
    })
  }
  for (let i = 0; i < count; i++) open(i)
}

function watch(url: string, { query, variables }: Watched, began: number, onLive: () => void): WebSocket {
  const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false })
  let isLive = false
  socket.on('open', () => socket.send('{"type":"connection_init"}'))
  socket.on('error', (error) => tell({ type: 'failed', message: error.message }))
  socket.on('message', (data) => {
    const now = Date.now()
    const text = String(data)
    if (text.includes('"connection_ack"')) {
      const id = crypto.randomUUID()
      return socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }))
    }
    const place = text.indexOf(AT)
    if (place < 0) return tell({ type: 'failed', message: `A watcher got ${text.slice(0, 500)}` })
    const at = Date.parse(text.slice(place + AT.length, place + AT.length + AT_LENGTH))
    latencies.push(now - at)
    if (isLive || at < began) return
    isLive = true
    onLive()
  })
  return socket
}

async function leave(): Promise<void> {
  const open = sockets
  sockets = []
  await Promise.all(
    open.map((socket) => {
      const closed = once(socket, 'close')
      socket.close()
      return closed
    }),
  )
}

function tell(message: FromWatchers): void {
  process.send!(message)
}
