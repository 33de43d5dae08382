import type { TestServer } from '../server.ts'
import type { Attack } from './bombard.ts'
import { pictures, weights } from './files.ts'
import { documents, framing, multipart } from './over-http.ts'
import { frames, messages } from './over-websocket.ts'

/** Of a server without authentication; archives have tests of their own, and credentials need one with it. */
export const KINDS: readonly (readonly [
  what: string,
  attack: (server: TestServer) => Attack | Promise<Attack>,
])[] = [
  ['GraphQL documents and variables', documents],
  ['HTTP framing', framing],
  ['multipart framing', multipart],
  ['messages of graphql-ws', messages],
  ['WebSocket frames', frames],
  ['pictures', pictures],
  ['weight files', weights],
]
