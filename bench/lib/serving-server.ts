/** A server whose versions have random weights: speed does not depend on them. */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/db/client.ts'
import { selectEngine } from '../../src/engine/select.ts'
import { createVersion } from '../../src/models/versions.ts'
import { usageOf } from '../../src/process/usage.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { UsageError } from './bench.ts'
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
  /** In the order in which they were asked for. */
  readonly versions: readonly ServedVersion[]
  /** What server and predictors have computed so far. */
  cpu(): { server: number; predictors: number }
}

/** Starts a server that has these versions and nothing else. */
export async function withServing(
  networks: readonly Served[],
  work: (server: Serving) => Promise<void>,
  { dataset = false } = {},
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  try {
    const versions = await storeVersions(dataDir, networks)
    await withServer({ dataDir, dataset }, (server) =>
      work({ ...server, versions, cpu: () => cpuOf(server.pid) }),
    )
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

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
