/** The process that compares features with those of training pictures: started by the server, ends with its answer. */
import { dieWithParent } from '../../process/lifeline.ts'
import { connectToParent } from '../../process/parent.ts'
import { nearest } from './feature-file.ts'
import type { FromNeighbours, NeighbourJob } from './feature-protocol.ts'

dieWithParent()

const parent = connectToParent<NeighbourJob, FromNeighbours>(async ({ folder, features, first }) => {
  await parent.send({ type: 'found', nearest: await nearest(folder, features, first) })
  process.exit(0)
})
