import { createRequire } from 'node:module'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // One copy of graphql, as in Node: vite would take the package's ES modules, and its dependents the CommonJS ones.
  resolve: { alias: { graphql: createRequire(import.meta.url).resolve('graphql') } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/load/**'],
    globalSetup: ['test/support/dataset-cache.ts'],
    setupFiles: ['test/support/setup.ts'],
    // Two cores: tests that train must not starve each other into time-outs.
    maxWorkers: 2,
    // Tests wait on events. This is for what never comes; a machine that has other work to do may take its time.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
})
