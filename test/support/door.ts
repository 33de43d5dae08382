import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** An address that is known before the server that it leads to is there, as that of a proxy is. */
export interface Door {
  readonly url: string
  /** From now on whoever comes is led to this server. */
  leadTo(url: string): void
  close(): Promise<void>
}

export async function openDoor(): Promise<Door> {
  let target: URL | null = null
  const sockets = new Set<Socket>()
  const server = createServer((outside) => {
    if (target === null) return void outside.destroy()
    const inside = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(url) {
      target = new URL(url)
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
