import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { isLayersModel } from '../zoo/formats/standard-layers.ts'
import type { Converter } from './converter.ts'

/** A file of a model version. */
export type DownloadName =
  | { versionId: string; format: 'safetensors' }
  /** `part`: model.json, or one of the files that it names. */
  | { versionId: string; format: 'layersModel'; part: string }

/** A file to hand out. */
export interface Download {
  /** Where it lies; it goes when its version is deleted. */
  file: string
  /** Changes when the content does, in letters, digits, dots and dashes. */
  content: string
  /** The name to save it under. */
  fileName: string
}

/** The files of model versions. */
export interface Downloads {
  /** Null when there is no such file. Makes what is made on demand. Throws DamagedArtifactError, StorageFullError. */
  find(name: DownloadName): Promise<Download | null>
}

export interface DownloadsOptions {
  prisma: PrismaClient
  artifacts: ArtifactStore
  /** The network of a version, of its input's size and with its classes. */
  architectureOf(version: ModelVersion): Architecture
  /** Writes model.json and its weights into an empty folder. */
  exportLayersModel: Converter['exportLayersModel']
}

/** What file systems refuse or hide: separators, what Windows reserves, a dot at the beginning. */
const NO_FILE_NAME = /[/\\:*?"<>|]+|^\./g

export function createDownloads(options: DownloadsOptions): Downloads {
  const { prisma, artifacts } = options
  /** The folder of a version's LayersModel, made when it is first asked for and kept beside its weights. */
  async function layersModel(version: ModelVersion): Promise<string> {
    const source = await artifacts.materialise(version.digest, { once: true })
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

  async function find(name: DownloadName): Promise<Download | null> {
    const version = await prisma.modelVersion.findUnique({
      where: { id: name.versionId },
      include: { model: true },
    })
    if (version === null) return null
    const { digest } = version
    if (name.format === 'safetensors') {
      const title = `${version.model.name.replaceAll(NO_FILE_NAME, '_')}-v${version.version}`
      // Ranges of a large file are many requests.
      const file = await artifacts.materialise(digest, { once: true })
      return { file, content: digest, fileName: `${title}.safetensors` }
    }
    if (!isLayersModel(options.architectureOf(version))) return null
    const folder = await layersModel(version)
    const { part } = name
    const parts = await readdir(folder).catch(() => [] as string[])
    if (!parts.includes(part)) return null
    // The parts of a LayersModel find one another by these names.
    return { file: join(folder, part), content: `${digest}-${basename(folder)}-${part}`, fileName: part }
  }

  return {
    async find(name) {
      try {
        return await find(name)
      } catch (error) {
        // Rows are deleted before files: without one there is nothing to complain of.
        if ((await prisma.modelVersion.count({ where: { id: name.versionId } })) === 0) return null
        throw error
      }
    },
  }
}
