import { createRequire } from 'node:module'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { LongestFirst } from './test/support/sequencer.ts'

/** The tests of a folder of test/. */
const project = (
  name: string,
  options: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, include: [`test/${name}/**/*.test.ts`], setupFiles: ['test/support/setup.ts'], ...options },
})

const needsCifar10 = { globalSetup: ['test/support/dataset-cache.ts'] }

export default defineConfig({
  // One copy of graphql, as in Node: vite would take the package's ES modules, and its dependents the CommonJS ones.
  resolve: { alias: { graphql: createRequire(import.meta.url).resolve('graphql') } },
  test: {
    // Two cores: tests that train must not starve each other into time-outs.
    maxWorkers: 2,
    // Tests wait on events. This is for what never comes; a machine that has other work to do may take its time.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 600_000 } },
    sequence: { sequencer: LongestFirst },
    projects: [
      // What each of them imports, TensorFlow.js above all, takes longer than most of their tests: it is loaded once. The
      // tests of the API share a server as well.
      project('unit', { isolate: false }),
      project('api', { isolate: false }),
      project('kernels', { isolate: false }),
      project('system', { ...needsCifar10, isolate: false }),
      project('load', { ...needsCifar10, maxWorkers: 1 }),
    ],
  },
})
