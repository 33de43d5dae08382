import type { DatasetFacts } from '../../../data/dataset-facts.ts'
import type { TrainingRun } from '../../../db/generated/client.ts'
import type { Architecture } from '../../../zoo/architecture.ts'
import type { RunFailure } from '../../model/failure.ts'

/** A data set that is ready to be learned from. */
export interface PreparedDataset {
  file: string
  facts: DatasetFacts
  /** Dataset.digest */
  digest: string
  /** Whoever finds the file damaged says so: it is verified, and made again, before it is used again. */
  distrust(): void
}

/** Where what a run trains, and what it learns from, is found. */
export interface TrainingInputs {
  /** The architecture as it trains on the data set, or undefined where there is no such architecture. */
  findArchitecture(name: string, dataset: string): Architecture | undefined
  /** Makes the data set ready and says where its file is. */
  prepareDataset(name: string, signal: AbortSignal): Promise<PreparedDataset>
}

/** @returns why there is none, in the place of the data set that the run learns from */
export async function datasetOf(
  run: Pick<TrainingRun, 'dataset' | 'datasetDigest'>,
  { prepareDataset }: TrainingInputs,
  goesOn: boolean,
  persist: <Result>(task: () => Promise<Result>) => Promise<Result | undefined>,
  signal: AbortSignal,
): Promise<PreparedDataset | RunFailure> {
  let dataset: PreparedDataset
  try {
    // Nothing is written twice here: there is an answer.
    dataset = (await persist(() => {
      signal.throwIfAborted()
      return prepareDataset(run.dataset, signal)
    }))!
  } catch (error) {
    return unavailable(error instanceof Error ? error.message : String(error))
  }
  if (!goesOn || run.datasetDigest === null || run.datasetDigest === dataset.digest) return dataset
  return unavailable(
    `The data set ${run.dataset} is not the one that the run began with (${run.datasetDigest}): it would go on as another run. Fork it: start one with transfer: { from }.`,
  )
}

function unavailable(message: string): RunFailure {
  return { code: 'DATASET_UNAVAILABLE', message }
}
