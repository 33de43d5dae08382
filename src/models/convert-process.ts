/** The process that converts one file of weights: hundreds of megabytes of work and memory that the server never sees. */
import { setPriority } from 'node:os'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import { diskFailure } from '../storage/room.ts'
import { exportLayersModel } from '../zoo/formats/export-layers-model.ts'
import { importLayersModel } from '../zoo/formats/import-layers-model.ts'
import { importSafetensors } from '../zoo/formats/import-safetensors.ts'
import { LayersModelError } from '../zoo/layers-model-error.ts'
import { SafetensorsError } from '../zoo/safetensors-header.ts'
import { WeightsMismatchError } from '../zoo/weights-mismatch.ts'
import type { ConvertJob, FromConverter, Refusal } from './convert-protocol.ts'

/** Predictions come first, training after it. */
const NICE = 5

dieWithParent()
setPriority(NICE)

const parent = connectToParent<ConvertJob, FromConverter>((job) => {
  convert(job)
    // Anything else is a bug: it ends the process with its stack on stderr.
    .catch((error: unknown): FromConverter => ({ type: 'refused', refusal: toRefusal(error) }))
    .then((answer) => parent.send(answer))
    .then(() => process.exit(0))
})

async function convert(job: ConvertJob): Promise<FromConverter> {
  switch (job.type) {
    case 'importSafetensors':
      return { type: 'written', ...(await importSafetensors(job.source, job)) }
    case 'importLayersModel':
      return { type: 'written', ...(await importLayersModel(job.modelJson, job.weightFiles, job)) }
    case 'exportLayersModel':
      await exportLayersModel(job.source, job.architecture, job.folder, job.metadata)
      return { type: 'exported' }
  }
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof WeightsMismatchError) {
    const { architecture, missing, surplus, wrong } = error
    return { kind: 'mismatch', architecture, missing, surplus, wrong }
  }
  if (error instanceof SafetensorsError) return { kind: 'safetensors', message: error.message }
  if (error instanceof LayersModelError) return { kind: 'layersModel', message: error.message }
  if (diskFailure(error) !== null) {
    const { code, message } = error as Error & { code: string }
    return { kind: 'disk', code, message }
  }
  throw error
}
