import { createHash } from 'node:crypto'
import { mkdirSync, realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Claim {
  /** Gives the claim up; another may take it as soon as this resolves. */
  release(): Promise<void>
}

/** Another process has the claim. The message is one line for the person who starts the second one. */
export class AlreadyClaimedError extends Error {
  override readonly name = 'AlreadyClaimedError'
}

/** A socket's path has 108 bytes on Linux and 104 on macOS, its final zero included. */
const LONGEST_PATH = 103

/**
 * Claims a data folder for this process: two PGlite on one folder would destroy it. The folder is made if needed.
 *
 * The claim is a listening socket, so that the kernel gives it up however the process ends, and no file has
 * to be judged stale. On Linux it is an abstract socket, which only one process of a network namespace can
 * bind. Containers that share the folder have namespaces of their own, so a socket file in the folder, which
 * is reached across them, is bound as well; its file may outlive its owner, but then nobody answers on it.
 *
 * @throws AlreadyClaimedError when another process (or this one) has the folder
 */
export async function claim(folder: string): Promise<Claim> {
  mkdirSync(folder, { recursive: true })
  const path = realpathSync(folder)
  const id = createHash('sha256').update(path).digest('hex').slice(0, 32)
  const taken = () =>
    new AlreadyClaimedError(
      `the data folder ${path} is in use by another vggzoo server; stop that one, or give this one a DATA_DIR of its own`,
    )
  if (process.platform === 'win32') {
    return claimOf([await listen(`\\\\.\\pipe\\vggzoo-${id}`, taken)])
  }
  const servers: Server[] = []
  try {
    if (process.platform === 'linux') servers.push(await listen(`\0vggzoo-${id}`, taken))
    const inFolder = join(path, 'owner.sock')
    const file = Buffer.byteLength(inFolder) <= LONGEST_PATH ? inFolder : join(tmpdir(), `vggzoo-${id}.sock`)
    const server = await listenOnFile(file, taken, servers.length > 0)
    if (server) servers.push(server)
  } catch (error) {
    await claimOf(servers).release()
    throw error
  }
  return claimOf(servers)
}

/** @param optional a file system that has no sockets is then no failure, and the answer null */
async function listenOnFile(file: string, taken: () => Error, optional: boolean): Promise<Server | null> {
  if (await answers(file)) throw taken()
  rmSync(file, { force: true })
  try {
    return await listen(file, taken)
  } catch (error) {
    if (optional && !(error instanceof AlreadyClaimedError)) return null
    throw error
  }
}

function listen(path: string, taken: () => Error): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Who connects only wants to know whether somebody is here.
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? taken() : error)
    })
    server.listen({ path }, () => {
      server.unref()
      resolve(server)
    })
  })
}

function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: file })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
  })
}

function claimOf(servers: Server[]): Claim {
  let done: Promise<void> | undefined
  return {
    release() {
      done ??= Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve)))).then(
        () => {},
      )
      return done
    },
  }
}
