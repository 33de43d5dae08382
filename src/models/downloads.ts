import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
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
  /** The folder of a version's LayersModel, made when it is first asked for and kept beside its weights. */
  async function layersModel(version: ModelVersion): Promise<string> {
    const source = await artifacts.materialise(version.digest)
    const architecture = options.architectureOf(version)
    const metadata = { architecture: version.architecture, preprocessing: version.preprocessing }
    const key = createHash('sha256')
      .update(JSON.stringify([architecture, metadata]))
      .digest('hex')
      .slice(0, 16)
    return artifacts.derive(version.digest, key, (folder) =>
      options.exportLayersModel({ source, architecture, folder, metadata }),
    )
  }

  async function find(pathname: string): Promise<Download | null> {
    const [, id, name, part] = PATH.exec(pathname) ?? []
    if (id === undefined) return null
    const version = await prisma.modelVersion.findUnique({ where: { id }, include: { model: true } })
    if (version === null) return null
    const title = `${version.model.name.replaceAll(NO_FILE_NAME, '_')}-v${version.version}`
    const { digest } = version
    if (name === SAFETENSORS && part === undefined) {
      return {
        file: await artifacts.materialise(digest),
        etag: digest,
        contentType: 'application/octet-stream',
        fileName: `${title}.safetensors`,
      }
    }
    if (name !== LAYERS_MODEL || part === undefined) return null
    if (!isLayersModel(options.architectureOf(version))) return null
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
