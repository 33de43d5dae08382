import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { temporaryFolder } from './temporary-folder.ts'

/** A module that a process of a server loaded. */
export interface LoadedModule {
  /** The name of the file that its process, or its thread, was started with: main.js. */
  entry: string
  file: string
}

/** Has Node write down what a server's processes load: for their NODE_OPTIONS, and what it is so far. */
export function noteLoadedModules(): { options: string; loaded(): LoadedModule[] } {
  const folder = temporaryFolder()
  const [list, hooks, register] = [
    join(folder, 'list'),
    join(folder, 'hooks.mjs'),
    join(folder, 'register.mjs'),
  ]
  writeFileSync(list, '')
  writeFileSync(
    hooks,
    `import { appendFileSync } from 'node:fs'
     let entry
     export function initialize(of) { entry = of }
     export function load(url, context, next) {
       if (url.startsWith('file:')) appendFileSync(${JSON.stringify(list)}, JSON.stringify([entry, url]) + '\\n')
       return next(url, context)
     }`,
  )
  writeFileSync(
    register,
    `import { register } from 'node:module'
     import { basename } from 'node:path'
     register(${JSON.stringify(pathToFileURL(hooks).href)}, { data: basename(process.argv[1]) })`,
  )
  return {
    options: `--import=${pathToFileURL(register).href}`,
    loaded: () =>
      readFileSync(list, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [entry, url] = JSON.parse(line) as [string, string]
          return { entry, file: fileURLToPath(url) }
        }),
  }
}
