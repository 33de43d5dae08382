import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** The cores this process may use: its affinity, and the quota of its control group (containers). */
export function allowedThreads(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(quota() ?? Number.POSITIVE_INFINITY)))
}

/** Processors' worth of time that the control group allows, or null. */
function quota(): number | null {
  // Version 2: "max 100000" or "150000 100000"; version 1: two files, -1 without a limit.
  const [limit, period] = read('/sys/fs/cgroup/cpu.max')?.split(' ') ?? [
    read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'),
    read('/sys/fs/cgroup/cpu/cpu.cfs_period_us'),
  ]
  const value = Number(limit) / Number(period)
  return Number.isFinite(value) && value > 0 ? value : null
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
