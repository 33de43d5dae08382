import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { ArtifactStore } from '../adapters/local/artifact-store.ts'
import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { isLayersModel } from '../zoo/formats/standard-layers.ts'
import type { Converter } from './converter.ts'

/** A file that can be fetched over HTTP. */
export interface Download {
  file: string
  /** Changes when the content does; it never does under the same path. */
  etag: string
  contentType: string
  /** The name to save it under. */
  fileName: string
}

/** The files of model versions, under paths of the server. */
export interface Downloads {
  /** What a path leads to; null when it is no file of a version. Makes what is made on demand. */
  find(pathname: string): Promise<Download | null>
}

export interface DownloadsOptions {
  prisma: PrismaClient
  artifacts: ArtifactStore
  /** The network of a version, of its input's size and with its classes. */
  architectureOf(version: ModelVersion): Architecture
  /** Writes model.json and its weights into an empty folder. */
  exportLayersModel: Converter['exportLayersModel']
}

const PATH = /^\/models\/([\w-]+)\/([\w.-]+)(?:\/([\w.-]+))?$/
/** What file systems refuse or hide: separators, what Windows reserves, a dot at the beginning. */
const NO_FILE_NAME = /[/\\:*?"<>|]+|^\./g
const SAFETENSORS = 'model.safetensors'
const LAYERS_MODEL = 'layers-model'

export function safetensorsPath({ id }: Pick<ModelVersion, 'id'>): string {
  return `/models/${id}/${SAFETENSORS}`
}

export function layersModelPath({ id }: Pick<ModelVersion, 'id'>): string {
  return `/models/${id}/${LAYERS_MODEL}/model.json`
}

export function createDownloads(options: DownloadsOptions): Downloads {
  const { prisma, artifacts } = options
  /** Files that were read through in this server's life, with the time of their last change. */
  const verified = new Map<string, number>()
  const exporting = new Map<string, Promise<string>>()

  async function verify(digest: string): Promise<void> {
    const changed = (await stat(artifacts.path(digest)).catch(() => null))?.mtimeMs
    if (changed !== undefined && verified.get(digest) === changed) return
    await artifacts.verify(digest)
    if (changed !== undefined) verified.set(digest, changed)
  }

  /** The folder of a version's LayersModel, made when it is first asked for and kept beside its weights. */
  function layersModel(version: ModelVersion): Promise<string> {
    const architecture = options.architectureOf(version)
    const metadata = { architecture: version.architecture, preprocessing: version.preprocessing }
    const key = createHash('sha256')
      .update(JSON.stringify([architecture, metadata]))
      .digest('hex')
      .slice(0, 16)
    const folder = join(artifacts.derived(version.digest), key)
    if (existsSync(folder)) return Promise.resolve(folder)
    const atWork = exporting.get(folder)
    if (atWork !== undefined) return atWork
    const work = makeLayersModel(version, architecture, metadata, folder).finally(() =>
      exporting.delete(folder),
    )
    exporting.set(folder, work)
    return work
  }

  async function makeLayersModel(
    { digest }: ModelVersion,
    architecture: Architecture,
    metadata: Record<string, unknown>,
    folder: string,
  ): Promise<string> {
    // Where what a killed server leaves is swept.
    const { path: draft } = await artifacts.stage()
    await mkdir(draft)
    try {
      await options.exportLayersModel({
        source: artifacts.path(digest),
        architecture,
        folder: draft,
        metadata,
      })
      await mkdir(dirname(folder), { recursive: true })
      await rename(draft, folder)
      // Its version may have been deleted meanwhile, and its files with it.
      if ((await prisma.modelVersion.count({ where: { digest } })) === 0) {
        await rm(dirname(folder), { recursive: true, force: true })
      }
    } catch (error) {
      await rm(draft, { recursive: true, force: true })
      throw error
    }
    return folder
  }

  async function find(pathname: string): Promise<Download | null> {
    const [, id, name, part] = PATH.exec(pathname) ?? []
    if (id === undefined) return null
    const version = await prisma.modelVersion.findUnique({ where: { id }, include: { model: true } })
    if (version === null) return null
    const title = `${version.model.name.replaceAll(NO_FILE_NAME, '_')}-v${version.version}`
    const { digest } = version
    if (name === SAFETENSORS && part === undefined) {
      await verify(digest)
      return {
        file: artifacts.path(digest),
        etag: digest,
        contentType: 'application/octet-stream',
        fileName: `${title}.safetensors`,
      }
    }
    if (name !== LAYERS_MODEL || part === undefined) return null
    if (!isLayersModel(options.architectureOf(version))) return null
    await verify(digest)
    const folder = await layersModel(version)
    const parts = await readdir(folder).catch(() => [] as string[])
    if (!parts.includes(part)) return null
    return {
      file: join(folder, part),
      etag: `${digest}-${basename(folder)}-${part}`,
      contentType: part.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      // The parts of a LayersModel find one another by these names.
      fileName: part,
    }
  }

  return {
    async find(pathname) {
      try {
        return await find(pathname)
      } catch (error) {
        // Rows are deleted before files: without one there is nothing to complain of.
        const [, id] = PATH.exec(pathname)!
        if ((await prisma.modelVersion.count({ where: { id } })) === 0) return null
        throw error
      }
    },
  }
}
