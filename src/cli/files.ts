import { openAsBlob } from 'node:fs'
import { access, constants, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Failure } from './command.ts'

const REASONS: Record<string, string> = {
  ENOENT: 'There is no such file.',
  ENOTDIR: 'There is no such file.',
  EACCES: 'You may not read it.',
  EPERM: 'You may not read it.',
}

export class UnreadableFile extends Failure {
  /** A sentence, without the path. */
  readonly reason: string

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`)
    this.reason = reason
  }
}

/** A file that is read while it is sent, under its own name. @throws UnreadableFile */
export async function fileOf(path: string): Promise<Blob> {
  const isFolder = await reading(path, async () => (await stat(path)).isDirectory())
  if (isFolder) throw new UnreadableFile(path, 'It is a folder.')
  // The blob would say only that it cannot be opened.
  await reading(path, () => access(path, constants.R_OK))
  return new File([await reading(path, () => openAsBlob(path))], basename(path)) as Blob
}

/** @throws UnreadableFile where the work fails */
export async function reading<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw new UnreadableFile(path, REASONS[code] ?? `It cannot be read (${code || message}).`)
  }
}
