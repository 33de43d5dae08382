import { spawnSync } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { copyFile, cp, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const NATIVE = join(import.meta.dirname, '../../../native')

/** A copy of native/ that was never built, and a folder of programs for a PATH. */
let folder: string
let native: string
let programs: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vggzoo-build-'))
  native = join(folder, 'native')
  programs = join(folder, 'programs')
  await mkdir(programs)
  await cp(NATIVE, native, { recursive: true, filter: (file) => file !== join(NATIVE, 'build') })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs install.mjs by hand: nothing in its environment is from npm. */
function install(env: Record<string, string> = {}, node = process.execPath): string {
  const { status, stdout, stderr } = spawnSync(node, [join(native, 'install.mjs')], {
    encoding: 'utf8',
    // What node-gyp downloads would lie in its devdir; nobody answers there.
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      npm_config_devdir: join(folder, 'downloads'),
      npm_config_disturl: 'http://127.0.0.1:9',
      ...env,
    },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(existsSync(join(folder, 'downloads'))).toBe(false)
  return stdout
}

/** That it was not built, and why. */
function expectOneLine(output: string, why: RegExp, later = 'npm run install'): void {
  expect(output.match(/\n/g)).toHaveLength(1)
  expect(output.trim().length).toBeLessThanOrEqual(200)
  expect(output).toMatch(/^vggzoo: no native engine, WebAssembly is several times slower: /)
  expect(output).toMatch(why)
  expect(output.endsWith(`. Later: ${later}\n`)).toBe(true)
  expect(existsSync(join(native, 'build'))).toBe(false)
}

/** An addon of one file, which takes no time to compile. */
async function writeSource(code: string): Promise<void> {
  const target = { target_name: 'vggzoo', sources: ['one.cc'] }
  await writeFile(join(native, 'binding.gyp'), JSON.stringify({ targets: [target] }))
  await writeFile(join(native, 'one.cc'), code)
}

test('without a compiler it says so in one line, and the installation goes on', () => {
  expectOneLine(
    install({ PATH: programs }),
    /it needs a C\+\+ compiler \(g\+\+ or clang\+\+\), make and Python 3\./,
  )
})

test('a compiler that CXX names and that is not there is none', () => {
  expectOneLine(install({ CXX: join(programs, 'g++') }), /it needs a C\+\+ compiler/)
})

test('as a dependency it is built later in another way', async () => {
  const package_ = join(folder, 'node_modules/vggzoo')
  await mkdir(package_, { recursive: true })
  await rename(native, join(package_, 'native'))
  native = join(package_, 'native')
  expectOneLine(install({ PATH: programs }), /it needs a C\+\+ compiler/, 'npm rebuild vggzoo')
})

test('what else is missing is named', async () => {
  const { stdout } = spawnSync('command -v c++', { encoding: 'utf8', shell: true })
  await symlink(stdout.trim(), join(programs, 'c++'))
  expectOneLine(install({ PATH: programs }), /Could not find any Python installation/)
})

test('without headers beside Node it downloads none', async () => {
  const node = join(folder, 'bin/node')
  await mkdir(join(folder, 'bin'))
  await copyFile(process.execPath, node, constants.COPYFILE_FICLONE)
  expectOneLine(install({}, node), /Node's headers are not in .*vggzoo-build-.*\/include\/node/)
})

test("a compiler's error is told in its words", async () => {
  await writeSource('#include <string>\nint length = std::string("one").long();\n')
  expectOneLine(install({ CXX: 'c++ -pipe', LANG: 'de_DE.UTF-8' }), /one\.cc:2:\d+: error: \S/)
})

test('a long error is cut', async () => {
  await writeSource(`#error ${'long '.repeat(100)}\n`)
  expectOneLine(install(), /one\.cc:1:\d+: error: #error long long .*\.\.\.\. Later/)
})

test("npm's own node-gyp builds it when it is started by hand, with nothing to say", async () => {
  await writeSource('#include <node_api.h>\nNAPI_MODULE_INIT() { return exports; }\n')
  await writeFile(join(programs, 'node-gyp'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  expect(install({ PATH: `${programs}:${process.env.PATH}` })).toBe('')
  expect(await readdir(join(native, 'build/Release'))).toContain('vggzoo.node')
})
