/** Trains five steps of a small network on the native engine and prints the digest of its weights. */
import { selectEngine } from '../../../src/engine/select.ts'
import { digestOf, lossesOf, NETWORKS, sessionFor } from './networks.ts'

await selectEngine('native')
const [network] = NETWORKS
const session = sessionFor(network)
const losses = await lossesOf(session, network, { steps: 5, size: 6, rate: 0.05 })
process.stdout.write(JSON.stringify({ digest: digestOf(session.model), losses }))
