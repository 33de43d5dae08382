import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      port: 4000,
      host: '127.0.0.1',
      databaseUrl: null,
      engine: 'auto',
      cifar10Dir: null,
      datasetSources: [],
      logLevel: 'info',
      allowedOrigins: [],
      maxParameters: 500_000_000,
      maxModelBytes: 2 ** 30,
    })
  })

  test('takes an empty variable as unset', () => {
    expect(readConfig({ PORT: '', ENGINE: '' })).toMatchObject({ port: 4000, engine: 'auto' })
  })

  test('takes MAX_MODEL_BYTES as a number or with a unit', () => {
    const bytes = (MAX_MODEL_BYTES: string) => readConfig({ MAX_MODEL_BYTES }).maxModelBytes
    expect(['1000', '3KiB', '512 MiB', '2GiB'].map(bytes)).toEqual([1000, 3072, 2 ** 29, 2 ** 31])
    for (const wrong of ['0', '-1', '1.5 GiB', '1 GB', '1e9', ' 1 GiB', 'GiB']) {
      expect(() => bytes(wrong)).toThrow(/^MAX_MODEL_BYTES must be a number of bytes such as .*$/)
    }
  })

  test('names every wrong value on a line of its own', () => {
    const wrong = {
      PORT: '99999',
      ENGINE: 'quantum',
      LOG_LEVEL: 'loud',
      CIFAR10_DIR: '/nowhere',
      DATASET_SOURCES: '/nowhere.mjs',
      ALLOWED_ORIGINS: 'x',
      TRUST_PROXY: 'yes',
      NATIVE_THREADS: '0',
      NATIVE_ISA: 'VAX',
      MAX_MODEL_BYTES: '1 GB',
      MAX_PARAMETERS: '2147483648',
    }
    try {
      readConfig(wrong)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      const lines = (error as Error).message.split('\n')
      expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(Object.keys(wrong).sort())
      for (const line of lines) expect(line).toContain(wrong[line.split(' ')[0] as keyof typeof wrong])
    }
  })

  test('never repeats the password of a database', () => {
    expect(() => readConfig({ DATABASE_URL: 'mysql://me:secret@host/db' })).toThrow(/postgres/)
    expect(() => readConfig({ DATABASE_URL: 'mysql://me:secret@host/db' })).not.toThrow(/secret/)
  })
})
