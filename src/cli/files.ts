import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { Failure } from './command.ts'

/** A file that is read while it is sent, under its own name. @throws Failure when it cannot be read */
export async function fileOf(path: string): Promise<Blob> {
  try {
    return new File([await openAsBlob(path)], basename(path)) as Blob
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${(error as Error).message}.`)
  }
}
