import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from '../../client/client.ts'
import { type Command, Failure, UsageError } from '../command.ts'
import { type NamedVersion, versionOf } from '../model-ref.ts'

const FORMATS = ['safetensors', 'layers-model']

export const exportModel: Command = {
  name: 'export',
  takes: 'MODEL',
  summary: 'saves a model version as a file, or as a LayersModel for TensorFlow.js',
  options: {
    format: { value: 'FORMAT', help: 'safetensors (as it is when left out) or layers-model' },
    output: { value: 'PATH', help: 'the file, or of a LayersModel the folder' },
  },
  count: { least: 1, most: 1 },
  async run({ client, screen, json, positionals: [ref], text }) {
    const format = text('format') ?? FORMATS[0]!
    if (!FORMATS.includes(format)) {
      throw new UsageError(`--format must be one of ${FORMATS.join(', ')}, not "${format}".`)
    }
    const version = await versionOf(client, ref!)
    const name = ref!.replace(/[@/]/g, '-')
    const files =
      format === 'safetensors'
        ? [await saveWeights(client, version, text('output') ?? `${name}.safetensors`)]
        : await saveLayersModel(client, version, text('output') ?? name)
    if (json) screen.print(JSON.stringify({ id: version.id, version: version.version, files }))
    else for (const file of files) screen.print(file)
    return 0
  },
}

async function saveWeights(client: Client, version: NamedVersion, path: string): Promise<string> {
  const digest = await save(client, version.downloads.safetensors.url, path)
  if (digest === version.digest) return path
  await rm(path)
  throw new Failure(`What came is not the file of the version: its sha256 is ${digest}. Try again.`)
}

async function saveLayersModel(client: Client, version: NamedVersion, folder: string): Promise<string[]> {
  const { layersModel } = version.downloads
  if (layersModel === null) {
    throw new Failure('TF.js has no layer for local response normalisation: export it as safetensors.')
  }
  const main = join(folder, 'model.json')
  await save(client, layersModel.url, main)
  const { weightsManifest } = JSON.parse(await readFile(main, 'utf8')) as {
    weightsManifest: { paths: string[] }[]
  }
  const paths = weightsManifest.flatMap((group) => group.paths)
  const besides = new URL(layersModel.url, 'http://server')
  for (const path of paths) {
    await save(client, new URL(path, besides).pathname, join(folder, basename(path)))
  }
  return [main, ...paths.map((path) => join(folder, basename(path)))]
}

/** Fetches into a file that is there only when it is whole. @returns its sha256 */
async function save(client: Client, address: string, path: string): Promise<string> {
  const response = await client.fetch(address)
  if (!response.ok || response.body === null) {
    throw new Failure(`${address} answered ${response.status}: ${(await response.text()).trim()}`)
  }
  const hash = createHash('sha256')
  const partial = `${path}.part`
  try {
    await mkdir(dirname(path), { recursive: true })
    await pipeline(
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]),
      async function* (chunks) {
        for await (const chunk of chunks) {
          hash.update(chunk)
          yield chunk
        }
      },
      createWriteStream(partial),
    )
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw new Failure(`${path} cannot be saved: ${(error as Error).message}.`)
  }
  return hash.digest('hex')
}
