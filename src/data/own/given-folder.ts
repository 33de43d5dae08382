import { realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'

/**
 * A folder below DATASETS_DIR, with all links followed: they lead nowhere else.
 * @param folder  as it was asked for; '' is all of it
 * @returns `wrong`: why there is none, in a sentence or two
 */
export async function inFolder(
  given: string | null,
  folder: string,
): Promise<{ path: string } | { wrong: string }> {
  if (given === null) {
    return { wrong: 'This server reads no folder. Start it with DATASETS_DIR, or send an archive.' }
  }
  const shown = JSON.stringify(folder.slice(0, 200))
  const outside = {
    wrong: `${shown} is not below the folder DATASETS_DIR. Give a path that begins there, such as "pets".`,
  }
  if (isAbsolute(folder) || folder.includes('\0') || folder.split(/[\\/]/).includes('..')) return outside
  try {
    const root = await realpath(given)
    const path = await realpath(join(root, folder))
    const below = relative(root, path)
    if (below === '..' || below.startsWith(`..${sep}`) || isAbsolute(below)) return outside
    if (!(await stat(path)).isDirectory()) {
      return { wrong: `${shown} in DATASETS_DIR is a file. Send it as an archive, or give the folder.` }
    }
    return { path }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { wrong: `There is no folder ${shown} in DATASETS_DIR.` }
    return { wrong: `The folder ${shown} in DATASETS_DIR cannot be read (${code ?? message}).` }
  }
}
