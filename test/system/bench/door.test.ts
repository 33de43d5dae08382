import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Bench } from '../../../bench/lib/bench.ts'
import * as compiled from '../../../bench/lib/compiled.ts'
import { benchNames, describeAll, loadBench, readOptions } from '../../../bench/lib/door.ts'

describe('The door to the benches', () => {
  it('loads every bench, and each says what it measures, how long it takes and what it needs', async () => {
    const names = benchNames()
    expect(names).toEqual(expect.arrayContaining(['train', 'predict', 'history', 'accuracy']))
    for (const name of names) {
      const { measures, takes, needs, run } = await loadBench(name)
      expect({ name, measures, takes, needs, run }).toEqual({
        name,
        measures: expect.stringMatching(/^[^\n]{10,100}$/),
        takes: expect.stringMatching(/minute|hour/),
        needs: needs && expect.stringMatching(/^[^\n]{5,60}$/),
        run: expect.any(Function),
      })
    }
  })

  it('lists each of them in a line', async () => {
    const lines = (await describeAll()).split('\n')
    for (const name of benchNames()) {
      const { measures } = await loadBench(name)
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^ +${name} +`)))
      expect(lines).toContainEqual(expect.stringContaining(measures))
    }
  })

  it('finds the compiled processes that benches start', () => {
    for (const [name, url] of Object.entries(compiled)) expect(existsSync(url), name).toBe(true)
  })

  it('reads options from the command line, and from the environment what is not said there', () => {
    const bench: Bench = {
      measures: 'nothing',
      takes: 'no time',
      needs: null,
      options: { engines: '', cases: '' },
      async run() {},
    }
    const environment = { BENCH_ENGINES: 'wasm', BENCH_CASES: 'vgg_mini/2', BENCH_OTHER: '1' }

    expect(readOptions(bench, ['--engines', 'native'], environment)).toEqual({
      engines: 'native',
      cases: 'vgg_mini/2',
    })
    expect(readOptions(bench, ['--help'], {})).toBeNull()
    expect(() => readOptions(bench, ['--engine', 'native'], {})).toThrow(/Unknown option '--engine'/)
    expect(() => readOptions(bench, ['native'], {})).toThrow(/native/)
  })
})
