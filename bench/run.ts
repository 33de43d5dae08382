/** The one door to the benches: `npm run bench` lists them, `npm run bench -- NAME [options]` runs one. */
import { cpus, loadavg } from 'node:os'
import { UsageError } from './lib/bench.ts'
import { benchNames, describe, describeAll, loadBench, readOptions } from './lib/door.ts'

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
    console.log(
      `${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}, load average ${loadavg()[0].toFixed(1)} ` +
        'before: whatever else is at work shows in every figure',
    )
    await bench.run(options)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.log(`${error.message}\n\n${describe(name, bench)}`)
    process.exitCode = 1
  }
}
