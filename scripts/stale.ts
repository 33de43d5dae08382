/** Whether an output folder was made from the present content of its inputs. */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const STAMP = '.made-from'

export function isFresh(root: string, inputs: readonly string[], output: string): boolean {
  const stamp = join(root, output, STAMP)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digest(root, inputs)
}

export function markFresh(root: string, inputs: readonly string[], output: string): void {
  mkdirSync(join(root, output), { recursive: true })
  writeFileSync(join(root, output, STAMP), digest(root, inputs))
}

function digest(root: string, inputs: readonly string[]): string {
  const hash = createHash('sha256')
  for (const input of inputs) {
    for (const file of filesUnder(join(root, input))) hash.update(file).update(readFileSync(file))
  }
  return hash.digest('hex')
}

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== STAMP)
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
