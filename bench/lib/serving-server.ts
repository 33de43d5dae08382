/** A server whose versions have random weights: speed does not depend on them. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../../src/db/client.ts'
import { selectEngine } from '../../src/engine/select.ts'
import { createVersion } from '../../src/models/versions.ts'
import { usageOf } from '../../src/process/usage.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { UsageError } from './bench.ts'
import { CLI } from './compiled.ts'
import { trainable } from './networks.ts'
import { storeRandomModel } from './predictions.ts'
import { type BenchServer, withServer } from './server.ts'

export interface ServedVersion {
  /** Global id. */
  id: string
  model: string
}

/** A network by its name: as it trains on CIFAR-10, or `full` for its own size of picture and its own classes. */
export interface Served {
  network: string
  full?: boolean
  /** Versions of it with weights of their own. */
  versions?: number
}

export interface Serving extends BenchServer {
  /** Of an admin; where the server wants to know who asks. */
  readonly token: string | undefined
  /** In the order in which they were asked for. */
  readonly versions: readonly ServedVersion[]
  /** Does work, and says what processor time it took between its calls of `begin` and `end`, in seconds. */
  spent<Result>(
    work: (marks: { begin(): void; end(): void }) => Promise<Result>,
  ): Promise<{ result: Result; server: number; predictors: number }>
}

export interface ServingOptions {
  dataset?: boolean
  /** Whether it wants to know who asks. */
  guarded?: boolean
  env?: NodeJS.ProcessEnv
}

/** Starts a server that has these versions and nothing else. */
export async function withServing(
  networks: readonly Served[],
  work: (server: Serving) => Promise<void>,
  { dataset = false, guarded = false, env = {} }: ServingOptions = {},
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const versions = await storeVersions(dataDir, networks)
    const token = guarded ? createToken(dataDir) : undefined
    const more = guarded ? { AUTH: 'tokens', ...env } : env
    await withServer({ dataDir, dataset, env: more, token }, async (server) => {
      for (const { id } of versions) await server.query(WARM, { id })
      await work({
        ...server,
        token,
        versions,
        async spent(during) {
          let before = cpuOf(server.pid)
          let after = before
          const result = await during({
            begin: () => {
              before = cpuOf(server.pid)
            },
            end: () => {
              after = cpuOf(server.pid)
            },
          })
          return {
            result,
            server: after.server - before.server,
            predictors: after.predictors - before.predictors,
          }
        },
      })
    })
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

function createToken(dataDir: string): string {
  const args = ['token', 'create', 'bench', '--role', 'admin']
  const env = { ...process.env, DATA_DIR: dataDir }
  return execFileSync(process.execPath, [fileURLToPath(CLI), ...args], { env, encoding: 'utf8' }).trim()
}

const WARM = 'mutation ($id: ID!) { warmModelVersion(id: $id) { __typename } }'

async function storeVersions(dataDir: string, networks: readonly Served[]): Promise<ServedVersion[]> {
  // The engine of this process only writes the weights.
  await selectEngine('cpu')
  const database = await openDatabase({ folder: join(dataDir, 'database') })
  const stored: ServedVersion[] = []
  try {
    for (const { network, full = false, versions = 1 } of networks) {
      const architecture = full ? findArchitecture(network) : trainable(network)
      if (architecture === undefined) throw new UsageError(`There is no architecture ${network}.`)
      for (let seed = 1; seed <= versions; seed++) {
        const { digest, preprocessing } = await storeRandomModel(
          architecture,
          join(dataDir, 'artifacts'),
          seed,
        )
        const { id } = await database.prisma.$transaction((tx) =>
          createVersion(tx, network, {
            origin: 'IMPORTED',
            architecture: network,
            bytes: 0,
            digest,
            preprocessing: { ...preprocessing },
          }),
        )
        stored.push({ id: Buffer.from(`ModelVersion:${id}`).toString('base64'), model: network })
      }
    }
  } finally {
    await database.close()
  }
  return stored
}

/** Seconds of processor time. */
function cpuOf(server: number): { server: number; predictors: number } {
  const predictors = childrenOf(server).filter((pid) => commandOf(pid).includes('predictor-process'))
  const seconds = (pid: number) => usageOf(pid)?.cpuSeconds ?? 0
  return { server: seconds(server), predictors: predictors.reduce((sum, pid) => sum + seconds(pid), 0) }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && parentOf(pid) === parent)
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
