import { totalmem } from 'node:os'

/** What this machine has, in bytes; a container's limit where there is one. */
export function memoryOfMachine(): number {
  // Without a container the limit is 0, or absurdly large.
  const limit = process.constrainedMemory()
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}
