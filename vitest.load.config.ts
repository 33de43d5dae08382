import { defineConfig } from 'vitest/config'
import config from './vitest.config.ts'

/** What takes minutes: servers and trainers that are killed over and over. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ['test/load/**/*.test.ts'], exclude: [], maxWorkers: 1 },
})
