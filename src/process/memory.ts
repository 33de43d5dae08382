import { readFileSync } from 'node:fs'

/** The resident memory that this process has, and the most that it had so far, in bytes. */
export function memoryBytes(): { memoryBytes: number; peakMemoryBytes: number } {
  // What the system counts for a process (getrusage) begins with what its parent had when it started it: with the
  // server's 500 MB. Linux has the numbers for the program itself too.
  if (process.platform === 'linux') {
    const status = readFileSync('/proc/self/status', 'utf8')
    const peak = /^VmHWM:\s*(\d+) kB/m.exec(status)
    const now = /^VmRSS:\s*(\d+) kB/m.exec(status)
    if (peak !== null && now !== null) {
      return { memoryBytes: Number(now[1]) * 1024, peakMemoryBytes: Number(peak[1]) * 1024 }
    }
  }
  return { memoryBytes: process.memoryUsage.rss(), peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }
}
