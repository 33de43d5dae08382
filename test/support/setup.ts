import { startReaper } from './reaper.ts'

// vitest's setupFiles: in each test file's process, before its tests.
startReaper()
// A vitest that was killed cannot end the processes of its test files.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
