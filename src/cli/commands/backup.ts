import { createWriteStream, existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Command, Failure, type Invocation, UsageError } from '../command.ts'
import { interruptible } from '../interrupt.ts'
import { ask } from '../server-work.ts'
import { bytes } from '../text.ts'

const REDRAWN_MS = 200

export const backup: Command = {
  name: 'backup',
  takes: 'FILE',
  summary: 'saves all data of the server, which works on meanwhile, in a .tar or .tar.gz',
  more: 'The database and the files of weights and data sets are of one moment. The file is there when it is whole, on the disk, and was read through once. vggzoo restore puts it back.',
  options: { force: { help: 'replaces FILE when it is there' } },
  count: { least: 1, most: 1 },
  async run(invocation) {
    const { screen, json, positionals, flag } = invocation
    const file = positionals[0]!
    if (!/\.(tar|tar\.gz|tgz)$/.test(file)) throw new UsageError('FILE must end in .tar, .tar.gz or .tgz.')
    if (existsSync(file) && !flag('force')) {
      throw new Failure(`${file} is there already: give another name, or --force to replace it.`)
    }
    const { verifyBackup } = await import('../../own-data.ts')
    const partial = `${file}.part`
    const facts = await interruptible(async (signal) => {
      try {
        await save(invocation, partial, /z$/.test(file), signal)
        const verified = await verifyBackup(partial, signal)
        await rename(partial, file)
        return verified
      } catch (error) {
        await rm(partial, { force: true })
        throw error
      }
    })
    if (json) screen.print(JSON.stringify({ file, ...facts }))
    else {
      screen.print(
        `${file}: ${facts.files} files, ${bytes(facts.bytes)}, as they were at ${facts.at}. The database stood still for ${facts.pausedMs} ms.`,
      )
    }
    return 0
  },
}

async function save(
  { client, screen, json }: Invocation,
  file: string,
  isPacked: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { body } = await ask(client, '/backup', signal)
  let received = 0
  let drawnAt = 0
  async function* counted(pieces: AsyncIterable<Uint8Array>) {
    for await (const piece of pieces) {
      received += piece.length
      if (screen.isTerminal && !json && Date.now() - drawnAt > REDRAWN_MS) {
        screen.draw([`${bytes(received)} received`], '')
        drawnAt = Date.now()
      }
      yield piece
    }
  }
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
  const target = createWriteStream(file, { mode: 0o600 })
  try {
    if (isPacked) await pipeline(source, counted, createGzip({ level: 1 }), target, { signal })
    else await pipeline(source, counted, target, { signal })
    const handle = await open(file, 'r+')
    await handle.sync().finally(() => handle.close())
  } catch (error) {
    signal.throwIfAborted()
    const { code, message, path, syscall } = error as NodeJS.ErrnoException
    if (path !== undefined || syscall !== undefined) throw new Failure(`${file} cannot be written (${code}).`)
    throw new Failure(`The server ended before the backup was whole (${message}). Its log may say why.`)
  }
}
