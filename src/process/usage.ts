import { readFileSync } from 'node:fs'

/** What a process has used of the machine. */
export interface ProcessUsage {
  /** Of all its threads, since it began. */
  cpuSeconds: number
  /** Resident. */
  memoryBytes: number
}

/** Of this process. */
export function ownUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage()
  return { cpuSeconds: (user + system) / 1e6, memoryBytes: process.memoryUsage.rss() }
}

/** The unit of the times in /proc/PID/stat: USER_HZ, 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** Of another process, by proc_pid_stat(5) and proc_pid_status(5); null where there is none, or no such system but Linux. */
export function usageOf(pid: number): ProcessUsage | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    // The second field is the program's name in brackets, which may hold blanks and brackets: from the third on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [utime, stime] = [Number(fields[11]), Number(fields[12])]
    // One that has ended and was not waited for has no memory any more.
    const resident = Number(/^VmRSS:\s*(\d+) kB/m.exec(status)?.[1] ?? 0)
    return { cpuSeconds: (utime + stime) / TICKS_PER_SECOND, memoryBytes: resident * 1024 }
  } catch {
    return null
  }
}
