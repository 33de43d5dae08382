import { readFileSync } from 'node:fs'

/** The most resident memory that this process had so far, in bytes. */
export function peakMemoryBytes(): number {
  // What the system counts for a process (getrusage) begins with what its parent had when it started it: with the
  // server's 500 MB. Linux has the number for the program itself too.
  if (process.platform === 'linux') {
    const peak = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (peak !== null) return Number(peak[1]) * 1024
  }
  return process.resourceUsage().maxRSS * 1024
}
