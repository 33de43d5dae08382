import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { heading, judge } from './budget.ts'

const WEB = fileURLToPath(new URL('../../dist/web', import.meta.url))
const FIRST_KB = 60
const LATER_KB = 15
/** Of the address that people open first. */
const FIRST = ['index.html', 'pages/home.tsx']

/** Of vite: what each file of web/ became, and what of that loads what else. */
type Manifest = Record<string, { file: string; isDynamicEntry?: boolean; imports?: string[] }>

/** The JavaScript that `/` loads, and what each other page adds to that; gzip, in kB of 1,000 bytes. */
export function measureScripts(): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(WEB, '.vite/manifest.json'), 'utf8'))
  const filesOf = (names: readonly string[], found = new Set<string>()): Set<string> => {
    for (const name of names) {
      const { file, imports = [] } = manifest[name]!
      if (found.has(file)) continue
      filesOf(imports, found.add(file))
    }
    return found
  }
  const first = filesOf(FIRST)
  heading('JavaScript, gzip')
  judge('the first page', kilobytes(first), FIRST_KB, 'kB')
  for (const [name, { isDynamicEntry }] of Object.entries(manifest)) {
    if (isDynamicEntry !== true || FIRST.includes(name)) continue
    const added = [...filesOf([name])].filter((file) => !first.has(file))
    judge(`the page ${basename(name, '.tsx')} adds`, kilobytes(added), LATER_KB, 'kB')
  }
}

function kilobytes(files: Iterable<string>): number {
  const bytes = [...files].map((file) => gzipSync(readFileSync(join(WEB, file))).length)
  return bytes.reduce((sum, each) => sum + each, 0) / 1000
}
