import { signal } from '@preact/signals'
import { createClient } from '../../src/client/client.ts'

/** The one client of the page, and its one socket. */
export const client = createClient({ url: window.location.origin })

/** A connection that is back by then is not worth a word. */
const PATIENCE_MS = 2000

/** The server has not answered for a while: what the page shows may be old. */
export const disconnected = signal(false)

/** Grows whenever the connection is there again: what was asked before may be old. */
export const reconnections = signal(0)

let wasLost = false
let patience: ReturnType<typeof setTimeout> | undefined
client.onConnection(({ status }) => {
  if (status === 'disconnected') {
    wasLost = true
    patience ??= setTimeout(() => {
      disconnected.value = true
    }, PATIENCE_MS)
    return
  }
  clearTimeout(patience)
  patience = undefined
  disconnected.value = false
  if (status === 'connected' && wasLost) {
    wasLost = false
    reconnections.value++
  }
})

// A tab that was hidden, or a machine that slept or had no network: what is waited for may be there by now.
const hurry = () => {
  if (document.visibilityState === 'visible') client.reconnectNow()
}
document.addEventListener('visibilitychange', hurry)
window.addEventListener('online', hurry)
document.addEventListener('resume', hurry)
