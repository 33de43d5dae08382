/**
 * Builds the native engine when the package is installed: node-gyp, which npm brings along, and the machine's C++
 * compiler. Without one the installation goes on, and vggzoo runs on WebAssembly.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
// Node's headers lie beside Node where it came as an archive or a distribution's package: nothing is downloaded then.
const prefix = dirname(dirname(process.execPath))
const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
const gyp = process.env.npm_config_node_gyp

const why = build()
if (why !== null) {
  rmSync(join(here, 'build'), { recursive: true, force: true })
  console.log(
    `vggzoo: the native engine was not built (${why}); it runs on WebAssembly instead, several times slower.`,
  )
  console.log('vggzoo: with a C++ compiler, make and Python 3 in place, build it by: npm rebuild')
}

function build() {
  if (process.platform === 'win32') return 'it needs GCC or Clang'
  if (spawnSync(process.env.CXX ?? 'c++', ['--version'], { stdio: 'ignore' }).status !== 0)
    return 'no C++ compiler'
  const [command, first] = gyp === undefined ? ['node-gyp', []] : [process.execPath, [gyp]]
  const { status, stdout, stderr, error } = spawnSync(
    command,
    [...first, 'rebuild', '-j', 'max', '--directory', here, ...headers],
    { encoding: 'utf8', shell: false },
  )
  if (error !== undefined) return error.message
  if (status === 0) return null
  // The first line that says what is wrong; the rest of node-gyp's report is about itself.
  const line = `${stdout}\n${stderr}`.split('\n').find((text) => /error|ERR!.*(not|fail|Could)/i.test(text))
  return line?.trim().slice(0, 200) ?? `node-gyp ended with ${status}`
}
