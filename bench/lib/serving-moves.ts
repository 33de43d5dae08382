/** An alias that moves while many ask for what it names. */
import { heading, judge, note } from './budget.ts'
import { smallPictures } from './sent-pictures.ts'
import { measureClients, predictRequest } from './serving-clients.ts'
import { type Serving, withServing } from './serving-server.ts'
import { median } from './statistics.ts'

const CLIENTS = 64
const SECONDS = 5
const MOVES = 100
const ROUNDS = 3
/** Times the p99 without moves. */
const TAIL = 2

const SET_ALIAS = `mutation ($id: ID!) {
  setModelAlias(input: { versionId: $id, name: "champion" }) { __typename ... on Error { message } }
}`

export async function measureMoves(): Promise<void> {
  await withServing([{ network: 'vgg_mini', versions: 2 }], async (server) => {
    await move(server, 0)
    const alias = { alias: { model: 'vgg_mini', name: 'champion' } }
    const requests = (await smallPictures(CLIENTS)).map((it) => predictRequest(server.url, alias, it))
    const measure = (onBegin?: () => void) =>
      measureClients(server.url, requests, { clients: CLIENTS, seconds: SECONDS, onBegin })
    const rounds: { still: number; moving: number }[] = []
    let moved = 0
    for (let round = 0; round < ROUNDS; round++) {
      const still = await measure()
      let moves: Promise<void> | undefined
      const moving = await measure(() => {
        moves = (async () => {
          for (let i = 0; i < MOVES; i++) {
            const due = new Promise((resolve) => setTimeout(resolve, (SECONDS * 1000) / MOVES))
            await move(server, ++moved % 2)
            await due
          }
        })()
      })
      await moves
      rounds.push({ still: still.p99, moving: moving.p99 })
    }
    heading(`${MOVES} moves of an alias in ${SECONDS} s, ${CLIENTS} clients: every answer is a prediction`)
    note('p99 without moves', median(rounds.map(({ still }) => still)), 'ms')
    judge('p99 over that', median(rounds.map(({ still, moving }) => moving / still)), TAIL, '')
  })
}

async function move(server: Serving, version: number): Promise<void> {
  const { setModelAlias } = await server.query(SET_ALIAS, { id: server.versions[version]!.id })
  if (setModelAlias.__typename !== 'ModelAlias') throw new Error(setModelAlias.message)
}
