import type { WebSocket } from 'ws'

const BEAT_MS = 12_000
/** Pings that may stay unanswered: a client, or its network, may be held up for a while. */
const UNANSWERED = 2

/**
 * Pings a client, so that nothing between it and the server takes the connection for idle, and ends the connection when
 * three beats have passed without anything from it. Beats are counted, and no time is measured: nobody is judged by how
 * long the server itself was held up, or asleep.
 */
export function keepAlive(client: WebSocket, beatMs = BEAT_MS): void {
  let unanswered = 0
  const heard = () => {
    unanswered = 0
  }
  const timer = setInterval(() => {
    if (unanswered === UNANSWERED) {
      // Timers come first after a hold-up, and then what came meanwhile is read.
      setImmediate(() => unanswered === UNANSWERED && client.terminate())
      return
    }
    unanswered++
    if (client.readyState === client.OPEN) client.ping()
  }, beatMs)
  client
    .on('pong', heard)
    .on('message', heard)
    .once('close', () => clearInterval(timer))
}
