import { mkdtempSync, readdirSync, rmSync, type StatsFs, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { StorageFullError } from '../../../src/errors.ts'
import { LEAST_FREE_BYTES, watchRoom } from '../../../src/storage/room.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-room-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => void vi.restoreAllMocks())

const disk = (values: Partial<StatsFs>) => () =>
  ({ bsize: 4096, blocks: 2 ** 20, bavail: 2 ** 19, files: 1000, ffree: 500, ...values }) as StatsFs
const failure = (code: string) => Object.assign(new Error(code), { code })

describe('a disk', () => {
  test.each([
    ['with as much room as is needed', { bavail: LEAST_FREE_BYTES / 4096 }, null],
    [
      'with a block less',
      { bavail: LEAST_FREE_BYTES / 4096 - 1 },
      /is full: 15 MiB are free, and 16 MiB are needed/,
    ],
    ['without room for another file', { ffree: 0 }, /no inode is free/],
    ['that tells nothing of itself', { blocks: 0, bavail: 0, files: 0, ffree: 0 }, null],
  ])('%s', (_name, values, problem) => {
    const room = watchRoom(folder, disk(values))
    if (problem === null) expect(room.problem()).toBeNull()
    else {
      expect(room.problem()).toMatch(problem)
      expect(room.problem()).toContain(folder)
      expect(() => room.check()).toThrow(StorageFullError)
    }
  })

  test.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'])(
    'that answered %s, whatever its free space, has room again when a write succeeds',
    (code) => {
      const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
      const room = watchRoom(folder)
      expect(room.failed(failure(code))).toBeInstanceOf(StorageFullError)
      clock.mockReturnValue(999)
      expect(() => room.check()).toThrow(folder)
      clock.mockReturnValue(1000)
      expect(room.problem()).toBeNull()
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('is not the reason of other failures', () => {
    const room = watchRoom(folder, statfsSync)
    for (const error of [failure('ENOENT'), new Error('ENOSPC'), null, 'no'])
      expect(room.failed(error)).toBe(error)
    expect(room.problem()).toBeNull()
  })
})
