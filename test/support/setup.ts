import { startReaper } from './reaper.ts'

// vitest's setupFiles: before the tests of each file, in the process that files share or have alone.
if (startReaper()) {
  // A vitest that was killed cannot end the processes of its test files.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
}
