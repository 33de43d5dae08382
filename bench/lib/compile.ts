import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

const ROOT = resolve(import.meta.dirname, '../..')
const OUTPUT = join(ROOT, 'node_modules/.cache/vggzoo/measured')

/**
 * A process of this folder as plain JavaScript that imports the compiled server, as trainers run it: tsx in the process
 * would be 80 MiB of the memory that is measured. dist/ must be fresh.
 * @param name  of its file, as engine-process.ts
 * @returns where it is
 */
export function compileProcess(name: string): string {
  return compile(join(import.meta.dirname, name), new Set())
}

/** Compiles a file and, before it, those outside of src/ that it imports. @returns where it is now */
function compile(file: string, done: Set<string>): string {
  const compiled = join(OUTPUT, relative(ROOT, file).replace(/\.ts$/, '.mjs'))
  if (done.has(file)) return compiled
  done.add(file)
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
    },
  })
  const placed = outputText.replace(/'(\.\.?\/[^']+\.ts)'/g, (_, path: string) => {
    const imported = resolve(dirname(file), path)
    const inServer = relative(join(ROOT, 'src'), imported)
    return inServer.startsWith('..')
      ? `'${compile(imported, done)}'`
      : `'${join(ROOT, 'dist', inServer.replace(/\.ts$/, '.js'))}'`
  })
  mkdirSync(dirname(compiled), { recursive: true })
  writeFileSync(compiled, placed)
  return compiled
}
