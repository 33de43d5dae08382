import { rmSync } from 'node:fs'
import type { RecordedDisk } from './disk.ts'
import type { Deed } from './recording.ts'

export interface CutOptions<Told> {
  disk: RecordedDisk
  /** With the marks of what was told. */
  deeds: readonly Deed[]
  cuts: number
  random: () => number
  /** A folder that is not there, for each disk in its turn. */
  folder: string
  /** Throws where the folder does not have what was told. */
  check(folder: string, told: readonly Told[], cut: number): Promise<void>
}

/** Cuts the power at random moments between the deeds, each time as if it were the only time; answers what went wrong. */
export async function cutPower<Told>(options: CutOptions<Told>): Promise<string[]> {
  const { disk, deeds, cuts, random, folder, check } = options
  const moments = Array.from({ length: cuts }, () => Math.floor(random() * (deeds.length + 1)))
  const told: Told[] = []
  const failures: string[] = []
  let played = 0
  for (const [cut, moment] of moments.sort((a, b) => a - b).entries()) {
    for (const deed of deeds.slice(played, moment)) {
      disk.play(deed)
      if (deed.kind === 'mark') told.push(deed.mark as Told)
    }
    played = moment
    disk.rebuild(folder, random)
    try {
      await check(folder, told, cut)
    } catch (error) {
      failures.push(`cut ${cut} after ${moment} of ${deeds.length} deeds: ${(error as Error).message}`)
    }
    rmSync(folder, { recursive: true })
  }
  return failures
}
