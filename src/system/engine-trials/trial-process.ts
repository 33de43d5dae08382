/** The process that times one engine on a few steps of training: started by the server, ends with its answer. */
import { setPriority } from 'node:os'
import { tryEngine } from '../../engine/select.ts'
import { dieWithParent } from '../../process/lifeline.ts'
import { connectToParent } from '../../process/parent.ts'
import { Random } from '../../random.ts'
import { createTrainingSession } from '../../trainer/session.ts'
import { findArchitecture } from '../../zoo/catalog.ts'
import { type FromTrial, TRIAL_NETWORK, type TrialJob } from './protocol.ts'

/** As a trainer has it: predictions come first. */
const NICE = 10
const SEED = 777
const LEARNING_RATE = 0.005

dieWithParent()
setPriority(NICE)

const parent = connectToParent<TrialJob, FromTrial>((job) => {
  measure(job)
    .catch((error: unknown): FromTrial => {
      return { type: 'failed', reason: error instanceof Error ? error.message : String(error) }
    })
    .then((answer) => parent.send(answer))
    .then(() => process.exit(0))
})

async function measure(job: TrialJob): Promise<FromTrial> {
  const engine = await tryEngine(job.engine)
  if ('reason' in engine) return { type: 'absent', reason: engine.reason }
  const architecture = findArchitecture(TRIAL_NETWORK)!
  const [height, width, channels] = architecture.inputShape
  const session = createTrainingSession(
    architecture,
    { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 5e-4 }, labelSmoothing: 0 },
    SEED,
  )
  const size = job.batchSize
  const batch = {
    x: new Random(SEED).normal(size * height * width * channels, 1),
    y: Int32Array.from({ length: size }, (_, i) => i % architecture.classes),
    size,
  }
  let step = 0
  const train = async () => {
    const { loss, broken } = await session.step(batch, step++, LEARNING_RATE)
    if (!Number.isFinite(loss) || broken !== null) throw new Error('its loss was not finite')
  }
  while (step < job.warmUpSteps) await train()
  const began = performance.now()
  const elapsed = () => performance.now() - began
  while (step < job.warmUpSteps + job.leastSteps || elapsed() < job.milliseconds) await train()
  return { type: 'measured', imagesPerSecond: ((step - job.warmUpSteps) * size * 1000) / elapsed() }
}
