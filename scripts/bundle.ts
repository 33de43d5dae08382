import { readFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { build } from 'esbuild'

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

/**
 * Makes the modules of the server's own process, and the packages that they import, a few files: a start spends much of
 * its time on finding and opening them one by one. What runs in other processes and threads stays as it was compiled.
 * @param folder  what was compiled; its main.js is replaced
 */
export async function bundleServer(folder: string): Promise<void> {
  await build({
    entryPoints: [`${folder}/main.js`],
    outdir: folder,
    allowOverwrite: true,
    chunkNames: 'server-[hash]',
    external: APART,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    // Names of an ES module are bound when it is bundled; those of a CommonJS one are looked up whenever they are used.
    mainFields: ['module', 'main'],
    target: 'node20.19',
    legalComments: 'eof',
    logLevel: 'warning',
    // What packages that are CommonJS ask for when they run.
    banner: {
      js: "import { createRequire as createRequireOfServer } from 'node:module'; const require = createRequireOfServer(import.meta.url);",
    },
    plugins: [
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
}
