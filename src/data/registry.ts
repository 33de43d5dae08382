import { pathToFileURL } from 'node:url'
import * as z from 'zod'
import { DATASET_NAME } from './reference.ts'
import type { DatasetSource } from './source.ts'
import { cifar10 } from './sources/cifar10/source.ts'

/** Every data set that a server knows. */
export interface DatasetSources {
  find(name: string): DatasetSource | undefined
  /** The built-in ones first. */
  list(): readonly DatasetSource[]
  /** Modules that the others come from: enough to open the same registry in another process. */
  readonly modules: readonly string[]
}

const BUILT_IN: readonly DatasetSource[] = [cifar10]

/** Name of the one that is meant where a person names none. */
export const DEFAULT_DATASET = cifar10.facts.name

/** The most classes of a data set. */
const MAX_CLASSES = 1000

const count = z.int().min(1).max(10_000_000)
const side = z.int().min(1).max(1024)
const channels = z.tuple([z.number(), z.number(), z.number()])

const sourceShape = z.object({
  facts: z.object({
    name: z
      .string()
      .regex(DATASET_NAME, 'must begin with a lower-case letter and go on with these, digits and _'),
    title: z.string().min(1),
    classes: z
      .array(z.string().min(1))
      .min(2)
      .max(MAX_CLASSES)
      .refine(areUnique, 'must differ from one another'),
    count: z.object({ train: count, test: count }),
    // Pictures are normalised, predicted and drawn as red, green and blue.
    imageShape: z.tuple([side, side, z.literal(3)]),
    normalization: z.object({
      mean: channels,
      std: channels.refine((values) => values.every((value) => value > 0), 'must be above 0'),
    }),
  }),
  origins: z.custom((value) => typeof value === 'function', 'must be a function'),
  decode: z.custom((value) => typeof value === 'function', 'must be a function'),
})

function areUnique(labels: readonly string[]): boolean {
  return new Set(labels).size === labels.length
}

/**
 * @param modules  paths of ES modules whose default export is a DatasetSource
 * @throws an Error that names the module and what is wrong with it
 */
export async function openDatasetSources(modules: readonly string[] = []): Promise<DatasetSources> {
  const byName = new Map(BUILT_IN.map((source) => [source.facts.name, source]))
  for (const path of modules) {
    const source = await load(path)
    const { name } = source.facts
    if (byName.has(name)) {
      throw new Error(`The data set module ${path} is of ${name}, which another one is already.`)
    }
    byName.set(name, source)
  }
  return { find: (name) => byName.get(name), list: () => [...byName.values()], modules }
}

async function load(path: string): Promise<DatasetSource> {
  const loaded = await import(pathToFileURL(path).href).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`The data set module ${path} cannot be loaded: ${why}`)
  })
  const result = sourceShape.safeParse(loaded.default)
  if (result.success) return loaded.default as DatasetSource
  const wrong = result.error.issues.map(
    ({ path: at, message }) => `${['default', ...at].join('.')}: ${message}`,
  )
  throw new Error(`The data set module ${path} exports no data set: ${wrong.join('; ')}`)
}
