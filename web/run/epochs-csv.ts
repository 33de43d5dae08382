import { graphql } from '../../src/client/graphql.ts'
import { csvOf } from '../chart/csv.ts'
import { client } from '../live/api.ts'

const EPOCHS = graphql(`
  query EpochsToSave($id: ID!) {
    trainingRun(id: $id) {
      number
      epochs(view: RAW) { attempt epoch trainLoss trainAccuracy testLoss testAccuracy seconds }
    }
  }
`)

const COLUMNS = [
  'run',
  'attempt',
  'epoch',
  'train_loss',
  'train_accuracy',
  'test_loss',
  'test_accuracy',
  'seconds',
]

/** Every epoch of some runs, as each attempt trained it, as CSV; what is not finite is NaN. */
export async function epochsCsv(ids: readonly string[]): Promise<string> {
  const answers = await Promise.all(ids.map((id) => client.query(EPOCHS, { id })))
  const rows = answers.flatMap(({ trainingRun }) =>
    (trainingRun?.epochs ?? []).map(
      ({ attempt, epoch, trainLoss, trainAccuracy, testLoss, testAccuracy, seconds }) => [
        trainingRun!.number,
        attempt,
        epoch,
        ...[trainLoss, trainAccuracy, testLoss, testAccuracy].map((value) => value ?? Number.NaN),
        seconds,
      ],
    ),
  )
  return csvOf(COLUMNS, rows)
}
