import { readFileSync } from 'node:fs'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What costs most: processes, above all servers and the trainers of runs. In parts of a second on a quiet machine, roughly. */
const COSTS: [what: RegExp, cost: number][] = [
  [/\bstart(Server|Survivor|Postgres)\(/g, 20],
  [/\b(startRun|completeRun|verify|refusal)\(/g, 10],
  [/\b(spawn|fork|execFile)\w*\(/g, 5],
]

/** The longest first. */
const PROJECTS = ['load', 'system', 'api', 'kernels', 'unit']

/**
 * One project after the other, since files share a process, and a server, with the next file of their project alone. In
 * each the longest files first, so that no worker begins a long one when the other has nothing left to do.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const costs = new Map(files.map((file) => [file, costOf(file.moduleId)]))
    const place = ({ project }: TestSpecification) => PROJECTS.indexOf(project.name)
    return files.toSorted((one, other) => place(one) - place(other) || costs.get(other)! - costs.get(one)!)
  }
}

function costOf(path: string): number {
  const text = readFileSync(path, 'utf8')
  return COSTS.reduce(
    (sum, [what, cost]) => sum + (text.match(what)?.length ?? 0) * cost,
    // Lines say something, too: the more there are, the more is tested.
    text.length / 10_000,
  )
}
