import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { type Child, lastWords, startChild } from '../process/child.ts'
import { watchRoom } from '../storage/room.ts'
import { LayersModelError } from '../zoo/formats/standard-layers.ts'
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
  log: Pick<Logger, 'info'>
  /** The compiled convert-process.js, where this file itself is not compiled. */
  entry?: URL
}): Converter {
  const entry = options.entry ?? new URL('./convert-process.js', import.meta.url)
  let last: Promise<unknown> = Promise.resolve()
  let child: Child<ConvertJob> | undefined
  let closed = false

  function run(job: ConvertJob): Promise<FromConverter> {
    const result = last.then(() => convert(job))
    last = result.catch(() => {})
    return result
  }

  async function convert(job: ConvertJob): Promise<FromConverter> {
    if (closed) throw stopping()
    let answer: FromConverter | undefined
    const started = startChild<ConvertJob, FromConverter>({
      entry,
      onMessage(message) {
        answer = message
      },
      onOutput: (line) => options.log.info({ converter: started.pid }, line),
    })
    child = started
    started.send(job)
    const exit = await started.exited
    child = undefined
    if (answer?.type === 'refused') throw fromRefusal(answer.refusal, job)
    if (answer !== undefined) return answer
    if (closed) throw stopping()
    const said = lastWords(exit)
    const how = exit.outOfMemory ? 'ran out of memory' : `ended (${exit.signal ?? exit.code})`
    throw new Error(
      `The process that converts weights ${how}.${said === null ? '' : ` Its last words: ${said}`}`,
    )
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
      closed = true
      child?.kill('SIGKILL')
      await last
    },
  }
}

function stopping(): Error {
  return new Error('The server is stopping.')
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
