import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'

const FILES = ['engine-process', 'engine', 'networks', 'statistics']

/**
 * engine-process.ts as plain JavaScript that imports the compiled server, as trainers run it: tsx in the process would
 * be 80 MiB of the memory that is measured. dist/ must be fresh. @returns where it is
 */
export function compileEngineProcess(): string {
  const root = resolve(import.meta.dirname, '..')
  const folder = join(root, 'node_modules/.cache/vggzoo/bench')
  mkdirSync(folder, { recursive: true })
  for (const name of FILES) {
    const text = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8')
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      },
    })
    const placed = outputText
      .replace(/'\.\.\/src\/([^']+)\.ts'/g, (_, path) => `'${join(root, 'dist', path)}.js'`)
      .replace(/'\.\/([^']+)\.ts'/g, "'./$1.mjs'")
    writeFileSync(join(folder, `${name}.mjs`), placed)
  }
  return join(folder, `${FILES[0]}.mjs`)
}
