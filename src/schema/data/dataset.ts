import { flatMap } from '../../concurrency/iterate.ts'
import type { DATASET_STATES, DatasetStore } from '../../data/dataset.ts'
import { SPLITS, type Split } from '../../data/dataset-facts.ts'
import { DatasetUnavailableError } from '../../data/errors.ts'
import type { FetchProgress } from '../../data/fetch-protocol.ts'
import { DEFAULT_DATASET } from '../../data/registry.ts'
import { NotFoundError } from '../../errors.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'
import { resultOf, throwCoded } from '../builder/errors.ts'
import { checkRange } from '../builder/input-error.ts'

const MAX_SAMPLES = 100
const MAX_SCALE = 16

const DatasetState = builder.enumType('DatasetState', {
  description:
    'State of a data set on this machine: MISSING until it is first needed or prepared; FAILED says why in `error` and can be tried again.',
  values: described<(typeof DATASET_STATES)[number]>({
    MISSING: 'Not on this machine; it is fetched when it is first needed, or prepared.',
    FETCHING: 'Being downloaded and converted.',
    READY: 'On this machine, and verified.',
    FAILED: 'The last fetch failed; `error` says why, and it can be tried again.',
  }),
})

const DatasetFetch = builder.objectRef<FetchProgress>('DatasetFetch').implement({
  description: 'How far a fetch of a data set is.',
  fields: (t) => ({
    phase: t.field({
      type: builder.enumType('DatasetPhase', {
        description: 'What is done to fetch a data set.',
        values: described<FetchProgress['phase']>({
          DOWNLOADING: 'Its files are downloaded.',
          CONVERTING: 'Its images are decoded, and written as trainers read them.',
        }),
      }),
      description: 'What is done now.',
      resolve: ({ phase }) => phase,
    }),
    bytes: t.exposeFloat('bytes', { description: 'Done of this phase: bytes downloaded, or written.' }),
    totalBytes: t.exposeFloat('totalBytes', { description: 'All of this phase.' }),
  }),
})

/** The API says TRAIN where the data module says train. */
export const SplitEnum = builder.enumType('Split', {
  description: 'The images a network learns from, and those it is tested on.',
  values: {
    TRAIN: { value: 'train', description: 'The images that a network learns from.' },
    TEST: { value: 'test', description: 'The images that it is tested on, and never learns from.' },
  } satisfies Record<Uppercase<Split>, { value: Split; description: string }>,
})

const ClassCount = builder.objectRef<{ label: string; train: number; test: number }>('ClassCount').implement({
  description: 'How many images of a data set are of one class.',
  fields: (t) => ({
    label: t.exposeString('label', { description: 'The class.' }),
    train: t.exposeInt('train', { description: 'Number of its training images.' }),
    test: t.exposeInt('test', { description: 'Number of its test images.' }),
  }),
})

/**
 * The data set of a row. Its module may be gone since the row was made.
 * @throws an error with the code DATASET_UNAVAILABLE
 */
export function datasetOf(datasets: ReadonlyMap<string, DatasetStore>, name: string): DatasetStore {
  const store = datasets.get(name)
  if (store !== undefined) return store
  return throwCoded(
    new DatasetUnavailableError(
      `The data set ${name} is not known to this server any more. Name its module in DATASET_SOURCES again.`,
    ),
  )
}

export interface SampleShape {
  store: DatasetStore
  split: Split
  index: number
}

export const SampleRef = builder.objectRef<SampleShape>('Sample').implement({
  description: 'One image of a data set.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the split, from 0.' }),
    split: t.expose('split', { type: SplitEnum, description: 'The split it belongs to.' }),
    label: t.string({
      description: 'Its true class.',
      resolve: async ({ store, split, index }) => {
        const { labels } = await store.readImages(split, [index]).catch(throwCoded)
        return store.facts.classes[labels[0]]
      },
    }),
    image: t.field({
      type: 'DataUrl',
      description: 'The image as a PNG, each pixel drawn as a square of `scale` pixels.',
      args: {
        scale: t.arg.int({
          defaultValue: 4,
          required: true,
          description: `Pixels along the edge of each square, 1 to ${MAX_SCALE}.`,
        }),
      },
      resolve: async ({ store, split, index }, { scale }) => {
        checkRange('scale', scale, 1, MAX_SCALE)
        return { mediaType: 'image/png', bytes: await store.imagePng(split, index, scale).catch(throwCoded) }
      },
    }),
  }),
})

export const DatasetRef = builder.objectRef<DatasetStore>('Dataset')

builder.node(DatasetRef, {
  description: 'Labelled images that networks are trained on.',
  id: { resolve: (store) => store.facts.name },
  loadOne: (name, context) => context.datasets.get(name) ?? null,
  fields: (t) => ({
    name: t.string({ description: 'Name to use in inputs.', resolve: ({ facts }) => facts.name }),
    classes: t.stringList({
      description: 'Class labels in the order of the network outputs.',
      resolve: ({ facts }) => [...facts.classes],
    }),
    trainCount: t.int({
      description: 'Number of training images.',
      resolve: ({ facts }) => facts.count.train,
    }),
    testCount: t.int({ description: 'Number of test images.', resolve: ({ facts }) => facts.count.test }),
    imageShape: t.intList({
      description: 'Shape of an image: [height, width, channels].',
      resolve: ({ facts }) => [...facts.imageShape],
    }),
    state: t.field({
      type: DatasetState,
      description: 'State of the data on this machine.',
      resolve: async (store) => (await store.present()).state,
    }),
    fetch: t.field({
      type: DatasetFetch,
      nullable: true,
      description: 'What a fetch is at; null unless FETCHING.',
      resolve: async (store) => (await store.present()).fetch,
    }),
    downloadBytes: t.float({
      nullable: true,
      description: 'Bytes that a fetch downloads; null where the files are on this machine.',
      resolve: (store) => store.downloadBytes,
    }),
    progress: t.float({
      description: 'Progress of a fetch, 0 to 1.',
      resolve: async (store) => (await store.present()).progress,
    }),
    digest: t.string({
      nullable: true,
      description:
        'SHA-256 of all images and labels, in hexadecimal, once READY: the same data always has the same.',
      resolve: async (store) => (await store.present()).digest,
    }),
    source: t.string({
      nullable: true,
      description: 'Source that the data came from, or is coming from.',
      resolve: async (store) => (await store.present()).source,
    }),
    error: t.string({
      nullable: true,
      description:
        'Why the last fetch FAILED, or what is wrong with the file that is there, and what to do. Null when all is well.',
      resolve: async (store) => (await store.present()).error,
    }),
    classCounts: t.field({
      type: [ClassCount],
      nullable: true,
      description: 'Images of each class, counted, in the order of `classes`; null unless READY.',
      complexity: { field: 5, multiplier: 1 },
      resolve: async (store) => {
        if ((await store.present()).state !== 'READY') return null
        const [train, test] = await Promise.all(
          SPLITS.map((split) => store.classCounts(split).catch(throwCoded)),
        )
        return store.facts.classes.map((label, i) => ({ label, train: train![i]!, test: test![i]! }))
      },
    }),
    samples: t.field({
      type: [SampleRef],
      description:
        'Images chosen at random; the same seed chooses the same ones. Fetches the data set if it is MISSING.',
      complexity: ({ count }) => ({ field: 1, multiplier: count ?? 8 }),
      args: {
        split: t.arg({
          type: SplitEnum,
          defaultValue: 'train',
          required: true,
          description: 'Split to choose from.',
        }),
        count: t.arg.int({
          defaultValue: 8,
          required: true,
          description: `Number of images, 1 to ${MAX_SAMPLES}.`,
        }),
        seed: t.arg.int({ description: 'Seed of the choice; 0 when left out.' }),
      },
      resolve: async (store, { split, count, seed }) => {
        checkRange('count', count, 1, MAX_SAMPLES)
        await store.prepare().catch(throwCoded)
        return store.samples(split, count, seed ?? 0).map((index) => ({ store, split, index }))
      },
    }),
  }),
})

builder.queryField('datasets', (t) =>
  t.field({
    type: [DatasetRef],
    description: 'The data sets this server knows.',
    resolve: (_root, _args, { datasets }) => [...datasets.values()],
  }),
)

builder.mutationField('prepareDataset', (t) =>
  t.field({
    type: DatasetRef,
    errors: resultOf('PrepareDataset', [NotFoundError], 'The data set, READY or FETCHING.'),
    description:
      'Starts fetching a data set unless it is READY, and answers at once: watch `state` and `progress`. A run does this by itself.',
    args: {
      name: t.arg.string({
        required: true,
        description: `Name of the data set, such as ${DEFAULT_DATASET}.`,
      }),
    },
    resolve: (_root, { name }, { datasets }) => {
      const store = named(datasets, name)
      // How it ends is the store's state: FAILED with an error that the next query shows.
      store.prepare().catch(() => {})
      return store
    },
  }),
)

builder.subscriptionField('datasetChanged', (t) =>
  t.field({
    type: DatasetRef,
    description:
      'A data set as it is now, and whenever its state, or how far a fetch is, is another. A slow reader gets the newest state only. It goes on until you leave it, also when the data set is READY: its file may be damaged and fetched again.',
    args: { name: t.arg.string({ required: true, description: `Such as ${DEFAULT_DATASET}.` }) },
    subscribe: async (_root, { name }, { datasets }) => {
      try {
        const store = named(datasets, name)
        return flatMap(store.follow(), () => [store])
      } catch (error) {
        return throwCoded(error)
      }
    },
    resolve: (store) => store,
  }),
)

/** @throws NotFoundError */
function named(datasets: ReadonlyMap<string, DatasetStore>, name: string): DatasetStore {
  const store = datasets.get(name)
  if (store !== undefined) return store
  throw new NotFoundError(`There is no data set "${name}". The query datasets lists them.`)
}
