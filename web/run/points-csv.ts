import { graphql } from '../../src/client/graphql.ts'
import type { Track } from '../chart/axis.ts'
import { csvOf } from '../chart/csv.ts'
import { client } from '../live/api.ts'
import { COLUMNS, readAll, rowsOf, type SavedPoint } from './point-rows.ts'
import { RUN_TRACK, trackOf } from './track.ts'

const POINTS = graphql(
  `
    query PointsToSave($id: ID!, $afterStep: Int!, $first: Int!) {
      trainingRun(id: $id) {
        number
        ...RunTrack
        losses(view: RAW, afterStep: $afterStep, first: $first) {
          step epoch attempt at loss nonFinite layer learningRate imagesPerSecond
        }
      }
    }
  `,
  [RUN_TRACK],
)

const PAGE = 10_000

/** Every loss point of some runs, as each attempt trained it, as CSV. */
export async function pointsCsv(ids: readonly string[]): Promise<string> {
  const rows = []
  for (const id of ids) {
    let run: { number: number; track: Track } | null = null
    const points = await readAll<SavedPoint>(PAGE, async (afterStep, first) => {
      const { trainingRun } = await client.query(POINTS, { id, afterStep, first })
      if (trainingRun === null) return []
      run = { number: trainingRun.number, track: trackOf(trainingRun) }
      return trainingRun.losses
    })
    if (run !== null) rows.push(...rowsOf(run, points))
  }
  return csvOf(COLUMNS, rows)
}
