import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import pacote from 'pacote'
import { extract } from 'tar'
import { emptyFolder } from './empty-folder.ts'

export interface Tarball {
  /** What npm would install: a package with its version, or the URL of a .tgz. */
  spec: string
  /** Of the compressed file, as in a package-lock.json: "sha512-..." */
  integrity: string
  /** Size of the compressed file; only progress depends on it. */
  bytes: number
  /** Names of the files that are wanted, without their folder. */
  files: readonly string[]
}

/**
 * Fetches a tarball through npm's own fetcher (its registry setting, proxies, retries and cache), and puts the wanted
 * files into `folder`. They may be used only when this resolves: then the whole is verified. Only for a process of its
 * own: pacote's streams throw, uncaught, when a connection breaks at a bad moment.
 *
 * @param progress  called with the bytes that are fetched, at most `bytes`
 * @throws an Error whose message is half a sentence: what went wrong
 */
export async function fetchTarball(
  { spec, integrity, bytes, files }: Tarball,
  folder: string,
  progress: (received: number) => void,
): Promise<void> {
  // npm tells the programs that it starts which registry and cache a person has set.
  const { npm_config_registry: registry, npm_config_cache: cache } = process.env
  const options = {
    integrity,
    preferOffline: true,
    // Enough for a hiccup; without a network a person hears of it within seconds.
    fetchRetries: 2,
    fetchRetryMintimeout: 500,
    fetchRetryMaxtimeout: 2000,
    ...(registry ? { registry } : {}),
    ...(cache ? { cache: join(cache, '_cacache') } : {}),
  }
  const receive = async (stream: Readable) => {
    // Called a second time when npm's cache turns out to be damaged: it starts anew.
    await emptyFolder(folder)
    const unpack = extract({
      cwd: folder,
      strip: 1,
      strict: true,
      filter: (path) => files.includes(basename(path)),
    })
    const closed = once(unpack, 'close')
    // A failure while chunks are written is thrown below, where it is waited for.
    closed.catch(() => {})
    let received = 0
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.length
      progress(Math.min(bytes, received))
      if (!unpack.write(chunk)) await Promise.race([once(unpack, 'drain'), closed])
    }
    unpack.end()
    await closed
  }
  await pacote.tarball.stream(spec, receive as never, options)
  const there = await readdir(folder)
  const missing = files.filter((file) => !there.includes(file))
  if (missing.length > 0) throw new Error(`it lacks ${missing.join(', ')}`)
}
