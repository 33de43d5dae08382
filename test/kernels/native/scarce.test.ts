import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

// Only Linux limits the addresses of a process.
test.skipIf(process.platform !== 'linux')(
  'the engine computes on after there was no memory to work in',
  async () => {
    const script = join(import.meta.dirname, 'scarce-child.ts')
    // 64 GiB of addresses: more than Node takes, less than the child asks for, whatever the machine has.
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      'ulimit -v 67108864 && exec "$0" --import tsx "$1"',
      process.execPath,
      script,
    ])
    const noMemory = {
      name: 'Error',
      code: 'ERR_NATIVE_MEMORY',
      message: 'native convolve: not enough memory to work in',
    }
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
      early: {
        name: 'RangeError',
        code: 'ERR_NATIVE_ARGUMENT',
        message: 'native unary: the engine was not started',
      },
      before: [0, 0, 0, 0, 6, 0, 0, 0, 0],
      large: noMemory,
      again: noMemory,
      directly: [null, 6],
      after: [0, 0, 0, 0, 6, 0, 0, 0, 0],
      tensors: 0,
      bytes: 0,
    })
  },
)
