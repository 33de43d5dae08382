import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { createTurns } from '../concurrency/one-at-a-time.ts'
import { StoppingError } from '../errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { runJob } from '../process/job.ts'
import { watchRoom } from '../storage/room.ts'
import { LayersModelError } from '../zoo/layers-model-error.ts'
import { SafetensorsError } from '../zoo/safetensors-header.ts'
import { WeightsMismatchError } from '../zoo/weights-mismatch.ts'
import type { ConvertJob, FromConverter, Refusal } from './convert-protocol.ts'

type JobOf<Type extends ConvertJob['type']> = Omit<Extract<ConvertJob, { type: Type }>, 'type'>

/**
 * Converts files of weights, one at a time, each in a process of its own. What is wrong with a file is the error that
 * the conversion itself throws: SafetensorsError, LayersModelError, WeightsMismatchError.
 */
export interface Converter {
  importSafetensors(job: JobOf<'importSafetensors'>): Promise<{ digest: string; bytes: number }>
  importLayersModel(job: JobOf<'importLayersModel'>): Promise<{ digest: string; bytes: number }>
  exportLayersModel(job: JobOf<'exportLayersModel'>): Promise<void>
  /** Ends what is at work and refuses what waits. */
  close(): Promise<void>
}

export function createConverter(options: {
  logger: Pick<Logger, 'info'>
  telemetry: Telemetry
  /** The compiled convert-process.js, where this file itself is not compiled. */
  entry?: URL
}): Converter {
  const entry = options.entry ?? new URL('./convert-process.js', import.meta.url)
  const inTurn = createTurns()
  const closing = new AbortController()

  const run = (task: ConvertJob) => inTurn(() => convert(task))

  async function convert(task: ConvertJob): Promise<Exclude<FromConverter, { type: 'refused' }>> {
    const answer = await runJob<ConvertJob, FromConverter>(
      {
        name: 'conversion',
        entry,
        task,
        what: 'converts weights',
        onOutput: (line, converter) => options.logger.info({ converter }, line),
        telemetry: options.telemetry,
      },
      {},
      closing.signal,
    )
    if (answer.type === 'refused') throw fromRefusal(answer.refusal, task)
    return answer
  }

  async function write(job: ConvertJob): Promise<{ digest: string; bytes: number }> {
    const { digest, bytes } = (await run(job)) as Extract<FromConverter, { type: 'written' }>
    return { digest, bytes }
  }

  return {
    importSafetensors: (job) => write({ type: 'importSafetensors', ...job }),
    importLayersModel: (job) => write({ type: 'importLayersModel', ...job }),
    async exportLayersModel(job) {
      await run({ type: 'exportLayersModel', ...job })
    },
    async close() {
      closing.abort(new StoppingError())
      await inTurn(async () => {})
    },
  }
}

function fromRefusal(refusal: Refusal, job: ConvertJob): unknown {
  switch (refusal.kind) {
    case 'mismatch':
      return new WeightsMismatchError(refusal.architecture, refusal.missing, refusal.surplus, refusal.wrong)
    case 'disk':
      return watchRoom(dirname('folder' in job ? job.folder : job.target)).failed(
        Object.assign(new Error(refusal.message), { code: refusal.code }),
      )
    case 'safetensors':
      return new SafetensorsError(refusal.message)
    case 'layersModel':
      return new LayersModelError(refusal.message)
  }
}
