/** Predictions of many and of one beside a training that fills every core. */
import { heading, judge, note } from './budget.ts'
import { smallPictures } from './sent-pictures.ts'
import { byId, measureClients, predictRequest } from './serving-clients.ts'
import { withServing } from './serving-server.ts'
import { startRun } from './training-runs.ts'

const CLIENTS = 64
const SECONDS = 5
const WARM_SECONDS = 2
const RUN = { architecture: 'vgg_mini', epochs: 1000, batchSize: 128 }
/** Times what it is alone. */
const THROUGHPUT = 2
const TAIL = 2

export async function measureBesideTraining(): Promise<void> {
  await withServing(
    [{ network: 'lecture_vgg16' }],
    async (server) => {
      const requests = (await smallPictures(CLIENTS)).map((it) =>
        predictRequest(server.url, byId(server.versions[0]!), it),
      )
      const measure = async () => ({
        many: await measureClients(server.url, requests, {
          clients: CLIENTS,
          seconds: SECONDS,
          warmSeconds: WARM_SECONDS,
        }),
        one: await measureClients(server.url, requests, { clients: 1, seconds: SECONDS }),
      })
      const alone = await measure()
      const id = await startRun(server, RUN)
      for await (const { trainingLoss } of server.watch(LOSS, { id })) if (trainingLoss !== null) break
      const beside = await measure()
      heading('lecture_vgg16 beside a training of vgg_mini on all cores')
      note(`${CLIENTS} clients alone`, alone.many.perSecond, '/s')
      judge('alone over beside', alone.many.perSecond / beside.many.perSecond, THROUGHPUT, '')
      note('one client alone, p99', alone.one.p99, 'ms')
      judge('beside over alone', beside.one.p99 / alone.one.p99, TAIL, '')
    },
    { dataset: true },
  )
}

const LOSS = `subscription ($id: ID!) { trainingLoss(id: $id) { __typename } }`
