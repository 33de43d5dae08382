/** A quick model beside a slow one: who asks the quick one waits for a pass of the other, not for its queue. */
import { heading, judge, note } from './budget.ts'
import { photograph, smallPictures } from './sent-pictures.ts'
import { byId, measureClients, predictRequest } from './serving-clients.ts'
import { withServing } from './serving-server.ts'

const CLIENTS = 8
const SECONDS = 8
/** Until the slow one was measured by the batcher. */
const WARM_SECONDS = 5
const P99_MS = 250

export async function measureTurns(): Promise<void> {
  await withServing([{ network: 'vgg16', full: true }, { network: 'vgg_mini' }], async (server) => {
    const [slow, quick] = server.versions
    const large = [predictRequest(server.url, byId(slow!), await photograph())]
    const small = (await smallPictures(CLIENTS)).map((it) => predictRequest(server.url, byId(quick!), it))
    const options = { clients: CLIENTS, seconds: SECONDS, warmSeconds: WARM_SECONDS }
    // Loads both.
    for (const requests of [large, small])
      await measureClients(server.url, requests, { clients: 1, seconds: 1, warmSeconds: 0 })
    const alone = await measureClients(server.url, small, { ...options, seconds: 2, warmSeconds: 1 })
    const slowAlone = await measureClients(server.url, large, { ...options, warmSeconds: 2 })
    const [one, other] = await Promise.all([
      measureClients(server.url, large, options),
      measureClients(server.url, small, options),
    ])
    heading(`vgg16 at 224x224 and vgg_mini, ${CLIENTS} clients each`)
    note('vgg_mini alone, p99', alone.p99, 'ms')
    note('vgg_mini, p50', other.p50, 'ms')
    judge('vgg_mini, p99', other.p99, P99_MS, 'ms')
    note('vgg_mini', other.perSecond, '/s')
    note('vgg16, alone', slowAlone.perSecond, '/s')
    note('vgg16', one.perSecond, '/s')
  })
}
