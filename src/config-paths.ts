import { statSync } from 'node:fs'

export const isFolder = (path: string) => statOf(path)?.isDirectory() === true

/** What can be read like a file is one, too, such as a pipe of a shell. */
export const isFile = (path: string) => statOf(path)?.isDirectory() === false

function statOf(path: string) {
  try {
    return statSync(path)
  } catch {
    return null
  }
}
