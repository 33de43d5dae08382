/** The one door to the benches: `npm run bench` lists them, `npm run bench -- NAME [options]` runs one. */
import { cpus, loadavg } from 'node:os'
import { UsageError } from './lib/bench.ts'
import { benchNames, describe, describeAll, loadBench, readOptions } from './lib/door.ts'

/** Of a core, in processes that run or wait to: more is not a machine to measure on. */
const MOST_LOAD = 0.5

const [name, ...args] = process.argv.slice(2)
if (name === undefined || name === '--help' || name === '-h') console.log(await describeAll())
else if (benchNames().includes(name)) await run(name)
else {
  console.log(`There is no bench ${name}.\n\n${await describeAll()}`)
  process.exitCode = 1
}

async function run(name: string): Promise<void> {
  const bench = await loadBench(name)
  try {
    const options = readOptions(bench, args, process.env)
    if (options === null) return console.log(describe(name, bench))
    describeMachine()
    await bench.run(options)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.log(`${error.message}\n\n${describe(name, bench)}`)
    process.exitCode = 1
  }
}

function describeMachine(): void {
  const [load] = loadavg()
  const cores = cpus().length
  console.log(
    `${cores} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load average ${load.toFixed(1)} before`,
  )
  if (load > MOST_LOAD * cores) {
    console.log(
      'BUSY: others are at work, and threads that wait for each other lose most. Quote nothing of this.',
    )
  }
}
