import { readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build, type Metafile } from 'esbuild'

/**
 * Left as packages of their own: with files that they read beside their code, made for a machine, or for whom a start
 * does not wait.
 */
const APART = [
  '@electric-sql/pglite',
  '@graphql-yoga/render-graphiql',
  '@prisma/client',
  '@prisma/schema-engine-wasm',
  '@tensorflow/*',
  'pg-native',
  'pino',
  'pino-pretty',
  'sharp',
  'webgpu',
]

/** What stands in the place of a package, for all but itself. */
const INSTEAD: Readonly<Record<string, string>> = {
  '@whatwg-node/promise-helpers': 'concurrency/promise-helpers.js',
}

/** Packages of which both forms, CommonJS and ES modules, may be in it: functions that share no state and no classes. */
const TWICE = ['@whatwg-node/disposablestack', '@whatwg-node/promise-helpers']

/**
 * Makes the modules of the server's own process, and the packages that they import, a few files: a start spends much of
 * its time on finding and opening them one by one. What runs in other processes and threads stays as it was compiled.
 * @param folder  what was compiled; its main.js is replaced
 * @throws where a package is in it twice: an error of the one is none of the other's
 */
export async function bundleServer(folder: string): Promise<void> {
  const { metafile } = await build({
    // Modules are named in comments, and the names of files made of them: of wherever it is built, the same.
    absWorkingDir: folder,
    entryPoints: ['main.js'],
    outdir: '.',
    allowOverwrite: true,
    chunkNames: 'server-[hash]',
    external: APART,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // Names of an ES module are bound when it is bundled; those of a CommonJS one are looked up whenever they are used.
    mainFields: ['module', 'main'],
    // A CommonJS module that asks for graphql/language/parser gets the one of the ES modules.
    resolveExtensions: ['.mjs', '.js', '.json'],
    target: 'node20.19',
    metafile: true,
    legalComments: 'eof',
    logLevel: 'warning',
    // What packages that are CommonJS ask for when they run.
    banner: {
      js: "import { createRequire as createRequireOfServer } from 'node:module'; const require = createRequireOfServer(import.meta.url);",
    },
    plugins: [
      {
        name: 'instead',
        setup({ onResolve }) {
          for (const [name, module] of Object.entries(INSTEAD)) {
            const path = join(folder, module)
            onResolve({ filter: new RegExp(`^${name}$`) }, ({ importer }) =>
              importer === path ? null : { path },
            )
          }
        },
      },
      {
        name: 'addresses',
        setup({ onLoad }) {
          // All files are in one folder then, and what a module looks for is still where it looked for it.
          onLoad({ filter: /\.js$/ }, ({ path }) => {
            const at = relative(folder, path)
            if (at.startsWith('..')) return null
            const url = (to: string) => `new URL(${JSON.stringify(`./${to}`)}, import.meta.url)`
            const contents = readFileSync(path, 'utf8').replace(
              /\bimport\.meta\.(url|dirname)\b/g,
              (_, which) =>
                which === 'url'
                  ? `${url(at)}.href`
                  : `process.getBuiltinModule('node:url').fileURLToPath(${url(dirname(at))})`,
            )
            return { contents, loader: 'js' }
          })
        },
      },
    ],
  })
  // Of what it was.
  rmSync(join(folder, 'main.js.map'))
  const twice = packagesTwice(metafile).filter((name) => !TWICE.includes(name))
  if (twice.length > 0) {
    throw new Error(
      `The bundle of the server has ${twice.join(' and ')} as CommonJS and as ES modules: see scripts/bundle.ts.`,
    )
  }
}

/** Those with a module that is there in both forms: error/GraphQLError.js and .mjs, cjs/utils.js and esm/utils.js. */
function packagesTwice({ inputs }: Metafile): string[] {
  const formats = new Map<string, string>()
  const twice = new Set<string>()
  for (const [path, { format }] of Object.entries(inputs)) {
    const [, name, file] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)/.exec(path) ?? []
    if (name === undefined || file === undefined || format === undefined) continue
    const module = `${name}/${file.replace(/\b(cjs|esm)\//, '').replace(/\.[cm]?js$/, '')}`
    if ((formats.get(module) ?? format) !== format) twice.add(name)
    formats.set(module, format)
  }
  return [...twice]
}
