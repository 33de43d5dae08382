/** Mercurius with one subscription, whose events are as large and come as often as those of a run that is rehearsed. */
import Fastify from 'fastify'
import mercurius from 'mercurius'

const TOPIC = 'events'
const [everyMs] = process.argv.slice(2).map(Number)

const schema = `
  type Query { nothing: Boolean }
  scalar DateTime
  interface RunEvent { cursor: String! at: DateTime! }
  type LossPoint { step: Int! epoch: Float! loss: Float learningRate: Float! imagesPerSecond: Float! }
  type LossPoints implements RunEvent { cursor: String! at: DateTime! points: [LossPoint!]! }
  union TrainingRunEvent = LossPoints
  type Subscription { trainingRunEvents(id: ID!): TrainingRunEvent! }`

const app = Fastify()
await app.register(mercurius, {
  schema,
  subscription: true,
  resolvers: {
    TrainingRunEvent: { resolveType: () => 'LossPoints' },
    Subscription: { trainingRunEvents: { subscribe: (_root, _args, { pubsub }) => pubsub.subscribe(TOPIC) } },
  },
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

let step = 0
setInterval(() => {
  step += 1
  const point = {
    step,
    epoch: step / 391,
    loss: 0.2 + 2.1 * Math.exp(-step / 2000) + Math.random() / 2,
    learningRate: 0.1,
    imagesPerSecond: 768,
  }
  const cursor = Buffer.from(`event:${step}`).toString('base64url')
  const event = { cursor, at: new Date().toISOString(), points: [point] }
  app.graphql.pubsub.publish({ topic: TOPIC, payload: { trainingRunEvents: event } })
}, everyMs)
process.send!({ url: `${url.replace('http', 'ws')}/graphql` })
