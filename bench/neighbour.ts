/**
 * A process that spins on one core: the kernels wait for their slowest thread, so they must not wait for it for long.
 * Ends with 1 where it costs a trainer of the same priority more than half.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { defineBench } from './lib/bench.ts'
import { measured, measureEngine, TRAINER_NICE } from './lib/engine.ts'
import { FILLING, throughput } from './lib/filling.ts'
import { check } from './lib/growth.ts'
import { median } from './lib/statistics.ts'

const ROUNDS = 2
const LEAST_BESIDE_NEIGHBOUR = 0.5

export const bench = defineBench({
  measures: 'images/s in training while another process spins on a core',
  takes: '2 minutes',
  needs: 'the native engine',
  async run() {
    console.log(`${FILLING.network}, batch ${FILLING.batch}, while another process spins on a core`)
    const equal = await besideNeighbour(0)
    check(
      'as its equal',
      equal >= LEAST_BESIDE_NEIGHBOUR,
      `at least ${LEAST_BESIDE_NEIGHBOUR} of what it is alone`,
    )
    // Nothing to judge: there the system itself gives the core to the neighbour.
    await besideNeighbour(TRAINER_NICE)
  },
})

/** @returns the part of its throughput that is left to the trainer */
async function besideNeighbour(nice: number): Promise<number> {
  const alone: number[] = []
  const beside: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(throughput(measured(await measureEngine('train', { ...FILLING, nice }))))
    let spinner: ChildProcess | undefined
    try {
      const job = { ...FILLING, nice }
      beside.push(throughput(measured(await measureEngine('train', job, () => (spinner = spin())))))
    } finally {
      spinner?.kill('SIGKILL')
    }
  }
  const ratio = median(beside.map((value, i) => value / alone[i]))
  console.log(`  nice ${nice}: alone ${rates(alone)}, beside it ${rates(beside)}, ${ratio.toFixed(2)} x`)
  return ratio
}

function spin(): ChildProcess {
  // Ends by itself when nobody is left to end it.
  const program = [process.execPath, '-e', 'const end = Date.now() + 60_000; while (Date.now() < end);']
  const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0
  const [command, ...rest] = pinned ? ['taskset', '-c', '0', ...program] : program
  return spawn(command, rest, { stdio: 'ignore' })
}

function rates(values: readonly number[]): string {
  return `${values.map((value) => value.toFixed(1)).join(' and ')} images/s`
}
