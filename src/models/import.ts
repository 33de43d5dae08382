import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { LOCAL } from '../access/viewer.ts'
import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import type { Once, Remember } from '../db/once.ts'
import { NotFoundError, ValidationError } from '../errors.ts'
import { LABEL, readLabel } from '../label.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { UploadedFile } from '../uploads.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { ImportTarget } from '../zoo/formats/import-target.ts'
import { outputsOf, readTopology } from '../zoo/formats/keras-topology.ts'
import { outlineOfFile } from '../zoo/formats/match-tensors.ts'
import { readModelJson } from '../zoo/formats/model-json.ts'
import { LayersModelError } from '../zoo/layers-model-error.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { openSafetensors } from '../zoo/safetensors-file.ts'
import { SafetensorsError } from '../zoo/safetensors-header.ts'
import { WeightsMismatchError } from '../zoo/weights-mismatch.ts'
import type { ChangedModels } from './changed-models.ts'
import type { Converter } from './converter.ts'
import { foreignFile, partOfSeveral } from './foreign-file.ts'
import {
  type PreprocessingInput,
  preprocessingInFile,
  resolvePreprocessing,
  type WeightsFile,
} from './import-preprocessing.ts'
import { createVersion } from './versions.ts'
import type { WeightsKeeper } from './weights-keeper.ts'

export interface ImportInput {
  /** The model that gets a version; it is made if it is not there. */
  name: string
  /** The network in the zoo that the weights belong to. */
  architecture: string
  weights: { safetensors: UploadedFile } | { layersModel: readonly UploadedFile[] }
  preprocessing: PreprocessingInput
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  /** The same key never makes a second version. */
  idempotencyKey?: string
}

export interface ImportOptions {
  prisma: PrismaClient
  artifacts: ArtifactStore
  keeper: WeightsKeeper
  converter: Converter
  architectures: Pick<ArchitectureRegistry, 'using'>
  once: Once<ModelVersion>
  changedModels: Pick<ChangedModels, 'publish'>
}

/** A model.json is a few hundred kilobytes; it is read into the server's memory. */
const MAX_MODEL_JSON_BYTES = 16 * 2 ** 20

/**
 * Makes weights that came from elsewhere the next version of a model. Throws ValidationError, which names every tensor
 * that is wrong, or NotFoundError.
 */
export function createModelImport(options: ImportOptions): (input: ImportInput) => Promise<ModelVersion> {
  const { prisma, artifacts, keeper, converter, architectures, once, changedModels } = options

  async function importAs(
    { name, architecture: base, weights, preprocessing: asked, ownerId }: ImportInput,
    known: Architecture | undefined,
    remember: Remember<ModelVersion>,
  ): Promise<ModelVersion> {
    if (known === undefined) {
      throw new NotFoundError(`There is no architecture "${base}". The query architectures lists them.`)
    }
    const resolved = resolvePreprocessing(asked, await describe(weights, known), known)
    if ('issues' in resolved) throw new ValidationError(resolved.issues)
    const { preprocessing, architecture, channels } = resolved

    const { staged, path } = await artifacts.stage()
    const metadata = { format: 'pt', architecture: base, preprocessing: JSON.stringify(preprocessing) }
    try {
      const written = await convert(weights, { architecture, target: path, metadata, channels })
      const version = {
        ownerId,
        origin: 'IMPORTED',
        source: sourceOf(weights),
        architecture: base,
        preprocessing: { ...preprocessing },
        ...written,
      } as const
      return await keeper.keep([{ staged, ...written }], () =>
        prisma.$transaction(async (tx) => remember(tx, await createVersion(tx, name, version))),
      )
    } catch (error) {
      await rm(path, { force: true })
      throw await refusal(weights, error)
    }
  }

  /** What the files say of themselves; they are judged by their headers alone. */
  async function describe(weights: ImportInput['weights'], architecture: Architecture): Promise<WeightsFile> {
    try {
      if ('safetensors' in weights) {
        const file = await openSafetensors(weights.safetensors.path)
        await file.close()
        const { entries, metadata } = file.header
        const { kind, outputs } = outlineOfFile(entries, architecture)
        return { inFile: preprocessingInFile(metadata), format: kind, outputs }
      }
      const json = await readModelJson(modelJson(weights.layersModel).path)
      return {
        inFile: preprocessingInFile((json.userDefinedMetadata ?? {}) as Record<string, unknown>),
        format: 'layersModel',
        outputs: outputsOf(readTopology(json.modelTopology)),
      }
    } catch (error) {
      throw await refusal(weights, error)
    }
  }

  async function convert(
    weights: ImportInput['weights'],
    job: ImportTarget,
  ): Promise<{ digest: string; bytes: number }> {
    if ('safetensors' in weights) {
      return converter.importSafetensors({ source: weights.safetensors.path, ...job })
    }
    const json = modelJson(weights.layersModel)
    const weightFiles = new Map<string, string>()
    for (const { name, path } of weights.layersModel) {
      if (path === json.path) continue
      if (weightFiles.has(name)) throw new LayersModelError(`Two files are called ${JSON.stringify(name)}.`)
      weightFiles.set(name, path)
    }
    return converter.importLayersModel({ modelJson: json.path, weightFiles, ...job })
  }

  return async (asked) => {
    const name = readLabel(asked.name)
    if (name === null) throw new ValidationError([{ path: ['name'], message: `A name has ${LABEL}` }])
    const input = { ...asked, name }
    const { architecture, ownerId = LOCAL, idempotencyKey: key } = input
    const request = key === undefined ? {} : await requestOf(input)
    const made = await once({ ownerId, key }, request, (remember) =>
      architectures.using(architecture, (known) => importAs(input, known, remember)),
    )
    changedModels.publish(made.modelId)
    return made
  }
}

/** What makes two imports the same: the files by what is in them, those of a LayersModel by their names, too. */
async function requestOf(input: ImportInput): Promise<object> {
  const { name, architecture, weights, preprocessing } = input
  const digests =
    'safetensors' in weights
      ? await digestOf(weights.safetensors)
      : (
          await Promise.all(weights.layersModel.map(async (file) => `${await digestOf(file)} ${file.name}`))
        ).sort()
  return { import: name, architecture, preprocessing, digests }
}

/** sha256 in hexadecimal; of a file as it was sent, not as it is kept. */
async function digestOf({ path }: UploadedFile): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash)
  return hash.digest('hex')
}

/** The names of the files, as far as there is room; cut between characters, as PostgreSQL keeps no half of a pair. */
function sourceOf(weights: ImportInput['weights']): string {
  const files = 'safetensors' in weights ? [weights.safetensors] : weights.layersModel
  const names = files.map(({ name }) => name).join(', ')
  return [...names].slice(0, 1000).join('')
}

/** The one that tells what the others are. */
function modelJson(files: readonly UploadedFile[]): UploadedFile {
  const found = files.filter((file) => file.name.toLowerCase().endsWith('.json'))
  const wrong = (message: string) => new LayersModelError(message)
  if (found.length !== 1) {
    throw wrong(
      `${found.length} of the ${files.length} files end in .json; send one model.json and its weight files.`,
    )
  }
  if (found[0]!.size > MAX_MODEL_JSON_BYTES) {
    throw wrong(`${found[0]!.name} has ${found[0]!.size} bytes; at most ${MAX_MODEL_JSON_BYTES} are read.`)
  }
  return found[0]!
}

/** What is wrong with the files, in the words of the input; everything else is passed on. */
async function refusal(weights: ImportInput['weights'], error: unknown): Promise<unknown> {
  const slot = 'safetensors' in weights ? 'safetensors' : 'layersModel'
  const files = 'safetensors' in weights ? [weights.safetensors] : weights.layersModel
  const path = ['weights', slot]
  if (error instanceof WeightsMismatchError) {
    const part = slot === 'safetensors' && error.missing.length > 0 ? partOfSeveral(files[0]!) : null
    return new ValidationError([
      ...(part === null ? [] : [{ path, message: part }]),
      ...error.missing.map((name) => ({ path: [...path, name], message: 'This tensor is missing.' })),
      ...error.surplus.map((name) => ({
        path: [...path, name],
        message: 'This tensor is not part of the network.',
      })),
      ...error.wrong.map(({ name, expected, found }) => ({
        path: [...path, name],
        message: `This tensor is ${found} and must be ${expected}.${/^(I|U|F)[48]/.test(found) ? ' Quantised weights are not read: save them as floats.' : ''}`,
      })),
    ])
  }
  if (!(error instanceof SafetensorsError || error instanceof LayersModelError)) return error
  for (const file of files) {
    const message = await foreignFile(file, slot)
    if (message !== null) return new ValidationError([{ path, message }])
  }
  return new ValidationError([{ path, message: error.message }])
}
