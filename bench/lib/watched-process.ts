/** The server's own GraphQL over WebSocket, and runs that only tell: what it costs to tell without what it costs to write. */
import { createBus } from '../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { followRun } from '../../src/runs/journal/follow.ts'
import { createRecentEvents } from '../../src/runs/journal/recent.ts'
import type { RunEvent } from '../../src/runs/model/events.ts'
import { serveGraphQL } from '../../test/support/graphql-server.ts'

const [runs, everyMs] = process.argv.slice(2).map(Number)

const bus = createBus<RunEvent>()
const recent = createRecentEvents()
const journal = {
  read: async (id: string, after: number, limit: number) => recent.read(id, after, limit) ?? [],
  position: async (id: string) => recent.position(id) ?? null,
}
// From now on: of what is further back, a journal of this kind knows nothing.
const follow = async (id: string) =>
  followRun({ journal, bus, telemetry: NO_TELEMETRY }, id, recent.position(id)!.seq)
const server = await serveGraphQL({ runs: { follow } })

for (let run = 0; run < runs!; run++) {
  let seq = 0
  const tell = () => {
    seq += 1
    const at = new Date()
    const place = { runId: String(run), seq, at, attempt: 1 }
    const event: RunEvent =
      seq === 1
        ? { ...place, kind: 'STATUS_CHANGED', status: 'RUNNING', failure: null, step: 0 }
        : { ...place, kind: 'LOSS_POINTS', points: [pointAt(seq, at)] }
    recent.add(event)
    bus.publish(event.runId, event)
  }
  tell()
  // One after the other, as runs are not at one.
  setTimeout(() => setInterval(tell, everyMs), (run * everyMs!) / runs!)
}
process.send!({ url: `${server.url.replace('http', 'ws')}/graphql` })

function pointAt(step: number, at: Date) {
  return {
    step,
    epoch: step / 391,
    loss: 0.2 + 2.1 * Math.exp(-step / 2000) + Math.random() / 2,
    nonFinite: null,
    layer: null,
    learningRate: 0.1,
    imagesPerSecond: 768,
    at,
    attempt: 1,
  }
}
