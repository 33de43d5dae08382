/**
 * Builds the native engine when the package is installed: node-gyp, which npm brings along, and the machine's C++
 * compiler. Without one the installation goes on, and vggzoo runs on WebAssembly. Nothing is downloaded.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const here = import.meta.dirname
const prefix = dirname(dirname(process.execPath))
/** A terminal's two lines. */
const LONGEST = 200

const why = build()
if (why !== null) {
  rmSync(join(here, 'build'), { recursive: true, force: true })
  const before = 'vggzoo: no native engine, WebAssembly is several times slower: '
  // `npm rebuild` builds what a program depends on, and never the program itself.
  const after = `. Later: ${here.includes('/node_modules/') ? 'npm rebuild vggzoo' : 'npm run install'}`
  const room = LONGEST - before.length - after.length
  console.log(`${before}${why.length > room ? `${why.slice(0, room - 3)}...` : why}${after}`)
}

/** @returns null, or why there is none */
function build() {
  if (process.platform === 'win32') return 'it is written for GCC and Clang'
  const compiler = findCompiler()
  if (compiler === undefined) return 'it needs a C++ compiler (g++ or clang++), make and Python 3'
  // Node's headers lie beside Node where it came as an archive, and where a distribution's package put them.
  const headers = existsSync(join(prefix, 'include/node/node_api.h'))
  if (!headers && !process.env.npm_config_nodedir) return `Node's headers are not in ${prefix}/include/node`
  const [command, ...first] = findNodeGyp()
  const { status, stdout, stderr, error } = spawnSync(
    command,
    [...first, 'rebuild', '-j', 'max', '--directory', here, ...(headers ? [`--nodedir=${prefix}`] : [])],
    // A compiler reports in the user's language otherwise, and at any length.
    {
      encoding: 'utf8',
      env: { ...process.env, CXX: compiler, LC_ALL: 'C' },
      maxBuffer: Number.POSITIVE_INFINITY,
    },
  )
  if (error?.code === 'ENOENT') return 'there is no node-gyp, which npm brings along'
  if (error !== undefined) return error.message
  if (status === 0) return null
  // The first line that says what is wrong; the rest of node-gyp's report is about itself.
  const lines = `${stdout}\n${stderr}`.split('\n')
  const line =
    lines.find((text) => /\berror: /.test(text)) ?? lines.find((text) => /ERR! stack Error: /.test(text))
  return line?.replace(/^gyp ERR! stack Error: /, '').trim() ?? `node-gyp ended with ${status}`
}

/** What make is to call: CXX may hold a launcher and flags as well. */
function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  return candidates.find(
    (command) => spawnSync(`${command} --version`, { shell: true, stdio: 'ignore' }).status === 0,
  )
}

/** npm says where its own is; started by hand, it is looked for where npm lies beside Node. */
function findNodeGyp() {
  const beside = join(prefix, 'lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js')
  const script = [process.env.npm_config_node_gyp, beside].find((file) => file && existsSync(file))
  return script === undefined ? ['node-gyp'] : [process.execPath, script]
}
