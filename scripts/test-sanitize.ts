/**
 * Runs the kernels' tests in C++ (native/test): as the addon is compiled, under AddressSanitizer with
 * UndefinedBehaviorSanitizer, and under ThreadSanitizer. Then, with an addon under AddressSanitizer, the tests that call
 * it with all that a JavaScript program might. Ends in 'N passed, N failed'.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

interface Build {
  name: string
  /** The name of its folder. */
  folder: string
  flags: string[]
  /** For the tests: see native/test/kernels_test.cc. */
  args: string[]
}
const ADDRESS: Build = {
  name: 'AddressSanitizer and UndefinedBehaviorSanitizer',
  folder: 'address',
  flags: [
    ...['-g1', '-fno-omit-frame-pointer', '-fPIC', '-D_GLIBCXX_ASSERTIONS'],
    ...['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  ],
  // What a compiler's bounds find in a shape it finds in a few of its kind; all of them are compared without a sanitizer.
  args: ['few'],
}
const THREAD: Build = {
  name: 'ThreadSanitizer',
  folder: 'thread',
  flags: ['-g1', '-fno-omit-frame-pointer', '-fsanitize=thread'],
  args: ['few', 'races'],
}
const PLAIN: Build = { name: 'no sanitizer', folder: 'plain', flags: [], args: [] }

/** Right and lying arguments for every function, geometries of every kind, Workers. */
const ADDON_TESTS = ['arguments', 'geometries', 'workers'].map(
  (name) => `test/kernels/native/${name}.test.ts`,
)

/** What takes longer hangs. On two cores that do nothing else the longest takes one minute. */
const LONGEST_MS = 30 * 60_000

const root = resolve(import.meta.dirname, '..')
// Not in native/build, which node-gyp empties.
const output = join(root, 'node_modules/.cache/vggzoo/sanitize')
const compiler = process.env.CXX || 'g++'
const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' }).stdout
if (!version) {
  console.error(
    `There is no C++ compiler: "${compiler}" does not run. Install g++, or name another one in CXX.`,
  )
  process.exit(1)
}

// binding.gyp keeps to the part of its language that is JSON.
const [target] = JSON.parse(readFileSync(join(root, 'native/binding.gyp'), 'utf8')).targets
const sources: string[] = target.sources.map((source: string) => `native/${source}`)
const boundary = sources.filter((source) => /\/(addon\w*|call)\.cc$/.test(source))
const kernels = sources.filter((source) => !boundary.includes(source))
const tests = readdirSync(join(root, 'native/test'))
  .filter((name) => name.endsWith('.cc'))
  .map((name) => `native/test/${name}`)
/** What Node's own headers are for: only the boundary includes them. */
const forNode = [
  `-I${join(dirname(dirname(process.execPath)), 'include/node')}`,
  ...['NODE_GYP_MODULE_NAME=vggzoo', ...target.defines].map((define) => `-D${define}`),
]

interface Result {
  status: number | null
  text: string
  seconds: number
}
interface Counts {
  passed: number
  failed: number
}

// As many processes at a time as there are cores.
let idle = availableParallelism()
const waiting: (() => void)[] = []

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  if (idle === 0) await new Promise<void>((start) => waiting.push(start))
  else idle--
  const start = performance.now()
  const result = await new Promise<Result>((done, fail) => {
    const options = {
      cwd: root,
      env: { ...process.env, ...env },
      timeout: LONGEST_MS,
      killSignal: 'SIGKILL',
    } as const
    const child = spawn(command, args, options)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data))
    child.once('error', fail)
    child.once('close', (status) => done({ status, text, seconds: (performance.now() - start) / 1000 }))
  })
  const next = waiting.shift()
  if (next === undefined) idle++
  else next()
  return result
}

/** Compiles or links; prints what the compiler has to say. */
async function make(args: readonly string[]): Promise<void> {
  const { status, text } = await run(compiler, args)
  if (text !== '') console.log(text.trimEnd())
  if (status !== 0) throw new Error(`${compiler} could not make ${args.at(-1)}`)
}

/** Compiles a source, unless its flags, the compiler and all that it includes are as they were. */
async function compile(source: string, { folder, flags }: Build): Promise<string> {
  const object = join(output, folder, `${basename(source, '.cc')}.o`)
  const stamp = `${object}.made-from`
  const args: string[] = [...target.cflags_cc]
  // Nobody doubts the references, which take long as it is.
  if (!source.endsWith('/reference.cc')) args.push(...flags)
  if (boundary.includes(source)) args.push(...forNode)
  const includes = () => {
    const [, files] = readFileSync(`${object}.d`, 'utf8').replaceAll('\\\n', '').split(': ')
    return files.trim().split(/\s+/)
  }
  const digest = (files: readonly string[]) => {
    const hash = createHash('sha256').update(JSON.stringify([version, args]))
    for (const file of files) hash.update(readFileSync(resolve(root, file)))
    return hash.digest('hex')
  }
  try {
    if (readFileSync(stamp, 'utf8') === digest(includes())) return object
  } catch {
    // It was never made, or from something that is gone.
  }
  rmSync(stamp, { force: true })
  const start = Date.now()
  await make([...args, '-MMD', '-MF', `${object}.d`, '-c', source, '-o', object])
  const files = includes()
  // Somebody may have written to one of them while it was read.
  if (files.every((file) => statSync(resolve(root, file)).mtimeMs < start))
    writeFileSync(stamp, digest(files))
  return object
}

/** The addon is made of objects of the tests. */
const objects = new Map<string, Promise<string>>()
function compileAll(files: readonly string[], build: Build): Promise<string[]> {
  return Promise.all(
    files.map((source) => {
      const key = `${build.folder} ${source}`
      const object = objects.get(key) ?? compile(source, build)
      objects.set(key, object)
      return object
    }),
  )
}

async function testKernels(build: Build): Promise<Counts> {
  const parts = await compileAll([...kernels, ...tests], build)
  const program = join(output, build.folder, 'kernels_test')
  await make(['-pthread', ...build.flags, ...parts, '-o', program])
  let result = await run(program, build.args)
  // Where the system puts memory at random over a wide range, some of it falls on ThreadSanitizer's own.
  if (result.text.includes('unexpected memory mapping'))
    result = await run('setarch', ['-R', program, ...build.args])
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(result.text)
  const name = build.args.includes('few') ? `${build.name}, fewer cases` : build.name
  return report(`kernels, ${name}`, result, Number(counts?.[1] ?? 0), Number(counts?.[2] ?? 0))
}

async function testAddon(): Promise<Counts> {
  const parts = await compileAll([...boundary, ...kernels], ADDRESS)
  const addon = join(output, ADDRESS.folder, 'vggzoo.node')
  await make(['-shared', '-pthread', ...ADDRESS.flags, ...parts, '-o', addon])
  const results = join(output, 'addon-tests.json')
  for (const file of [results, `${addon}.loaded`]) rmSync(file, { force: true })
  // Both before Node, which knows nothing of the one, and in which the other would come too late to be watched.
  const libraries = ['libasan.so', 'libstdc++.so'].map((name) =>
    spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim(),
  )
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${results}`]
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...ADDON_TESTS]
  const result = await run(process.execPath, vitest, {
    LD_PRELOAD: libraries.join(':'),
    // Node frees little when it ends. A shape that asks for more memory than this must be refused.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024',
    NODE_OPTIONS: `--require=${join(root, 'native/test/use_addon.cjs')}`,
    SANITIZED_ADDON: addon,
    NO_COLOR: '1',
  })
  if (result.status === 0 && !existsSync(`${addon}.loaded`)) throw new Error('the tests loaded another addon')
  const { numPassedTests = 0, numFailedTests = 0 } = existsSync(results)
    ? JSON.parse(readFileSync(results, 'utf8'))
    : {}
  return report(`addon, ${ADDRESS.name}`, result, numPassedTests, numFailedTests)
}

/** Says what was counted; all that was printed too, when something failed. */
function report(name: string, { status, text, seconds }: Result, passed: number, failed: number): Counts {
  // A sanitizer ends the process in the middle of a test.
  const ended = status !== 0 && failed === 0
  if (status !== 0) console.log(text.trimEnd())
  const how = !ended ? '' : status === null ? ', then it was killed' : `, then it ended with ${status}`
  console.log(`${name}: ${passed} passed, ${failed} failed${how} (${seconds.toFixed(1)} s)`)
  return { passed, failed: ended ? 1 : failed }
}

for (const { folder } of [THREAD, ADDRESS, PLAIN]) mkdirSync(join(output, folder), { recursive: true })
// The slowest first.
const all = await Promise.allSettled([
  testKernels(THREAD),
  testKernels(ADDRESS),
  testAddon(),
  testKernels(PLAIN),
])
const total: Counts = { passed: 0, failed: 0 }
for (const one of all) {
  if (one.status === 'rejected') console.log(String(one.reason))
  const { passed, failed } = one.status === 'fulfilled' ? one.value : { passed: 0, failed: 1 }
  total.passed += passed
  total.failed += failed
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1
