import type { DATASET_STATES, DatasetStore } from '../../data/dataset.ts'
import { SPLITS, type Split } from '../../data/dataset-facts.ts'
import type { Datasets } from '../../data/datasets.ts'
import { DatasetUnavailableError } from '../../data/errors.ts'
import type { FetchProgress } from '../../data/fetch-protocol.ts'
import type { DatasetEdits } from '../../data/importing/protocol.ts'
import type { Normalization } from '../../data/normalization.ts'
import { parentOf } from '../../data/own/version.ts'
import { nameIn } from '../../data/reference.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOf } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { throwCoded } from '../builder/errors.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { DatasetImportRef } from './dataset-import.ts'
import { SampleRef, type SampleShape, SplitEnum } from './sample.ts'

const MAX_SAMPLES = 100

const DatasetState = builder.enumType('DatasetState', {
  description:
    'State of a data set on this machine. `error` says why it is not READY where that is not as it should be.',
  values: described<(typeof DATASET_STATES)[number]>({
    MISSING:
      'Not on this machine; it is fetched when it is first needed, or prepared. Of one that a person made: its file is gone or damaged, and `error` says what to do.',
    FETCHING: 'Being downloaded and converted.',
    IMPORTING: 'Being made of what a person gave, or waiting for its turn: see `import`.',
    READY: 'On this machine, and verified.',
    FAILED: 'The last fetch failed and can be tried again, or the import failed; `error` says why.',
    CANCELLED: 'Its import was cancelled.',
    DELETED:
      'It was deleted. Only what is known of it is left, for the runs and models that learned from it.',
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
export function datasetOf(datasets: Datasets, name: string): DatasetStore {
  const store = datasets.named(name)
  if (store !== undefined) return store
  return throwCoded(
    new DatasetUnavailableError(
      `The data set ${name} is not known to this server any more. Name its module in DATASET_SOURCES again.`,
    ),
  )
}

const NormalizationRef = builder.objectRef<Normalization>('Normalization').implement({
  description: 'What makes of a pixel value in 0..1 the input of a network: (value - mean) / std.',
  fields: (t) => ({
    mean: t.floatList({ description: 'Means of red, green and blue.', resolve: ({ mean }) => mean }),
    std: t.floatList({
      description: 'Standard deviations of red, green and blue.',
      resolve: ({ std }) => std,
    }),
  }),
})

const DatasetEditsRef = builder.objectRef<DatasetEdits>('DatasetEdits').implement({
  description: 'What is another than in the version that it was made of. Places are those of that version.',
  fields: (t) => ({
    classes: t.field({
      type: [
        builder.objectRef<{ from: string; to: string | null }>('ClassChange').implement({
          description: 'What became of a class.',
          fields: (f) => ({
            from: f.exposeString('from', { description: 'Its name before.' }),
            to: f.exposeString('to', {
              nullable: true,
              description: 'Its name now, maybe that of another class; null: it was left out.',
            }),
          }),
        }),
      ],
      description: 'Classes that are called otherwise, were merged or left out.',
      resolve: ({ classes }) => Object.entries(classes).map(([from, to]) => ({ from, to })),
    }),
    relabelled: t.int({
      description: 'Number of images that were given another class one by one.',
      resolve: ({ relabelled }) => relabelled.length,
    }),
    excluded: t.int({
      description: 'Number of images that were left out one by one.',
      resolve: ({ excluded }) => excluded.length,
    }),
    mostOfClass: t.exposeInt('mostOfClass', {
      nullable: true,
      description: 'The most images of a class that were taken of each split; null for all.',
    }),
  }),
})

export const DatasetRef = builder.objectRef<DatasetStore>('Dataset')

builder.node(DatasetRef, {
  description:
    'Labelled images that networks are trained on. Of a data set that a person made: one version of it, which never changes.',
  id: { resolve: (store) => store.facts.name },
  loadOne: (reference, { datasets }) => datasets.named(reference) ?? null,
  fields: (t) => ({
    name: t.string({
      description:
        'Name to use in inputs. Of a data set with versions it means the newest that is READY; `reference` means this one.',
      resolve: ({ facts }) => nameIn(facts.name),
    }),
    reference: t.string({
      description: 'What names this version in inputs: "pets@2". The name alone where there are no versions.',
      resolve: ({ facts }) => facts.name,
    }),
    version: t.int({
      nullable: true,
      description: 'Number of the version, from 1; null where there are no versions.',
      resolve: ({ own }) => own?.version ?? null,
    }),
    owner: t.string({
      nullable: true,
      description: 'Whose data set it is: Viewer.id of who made it; null for one of the server itself.',
      resolve: ({ own }) => own?.ownerId ?? null,
    }),
    versions: t.field({
      type: [DatasetRef],
      description:
        'All versions of the data set, newest first, whatever came of them; itself where there are none.',
      resolve: ({ facts }, _args, { datasets }) => datasets.versions(nameIn(facts.name)),
    }),
    parent: t.field({
      type: DatasetRef,
      nullable: true,
      description: 'The data set that it was made of; null for what came from elsewhere.',
      resolve: ({ own }, _args, { datasets }) => {
        const parent = own === null ? null : parentOf(own)
        return parent === null ? null : (datasets.named(parent) ?? null)
      },
    }),
    edits: t.field({
      type: DatasetEditsRef,
      nullable: true,
      description: 'What is another than in `parent`; null where there is none.',
      resolve: ({ own }) => (own?.asked.from.kind === 'dataset' ? own.asked.from.edits : null),
    }),
    import: t.field({
      type: DatasetImportRef,
      nullable: true,
      description: 'How it was made, or is being made; null for a data set that nobody made here.',
      resolve: ({ own }) => own,
    }),
    bytes: t.float({
      nullable: true,
      description: 'Bytes of its file; null for a data set that nobody made here.',
      resolve: ({ own }) => own?.bytes ?? null,
    }),
    createdAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was asked for; null for a data set that nobody made here.',
      resolve: ({ own }) => own?.createdAt ?? null,
    }),
    classes: t.stringList({
      description: 'Class labels in the order of the network outputs; none before they are known.',
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
    normalization: t.field({
      type: NormalizationRef,
      description:
        'Means and standard deviations of the training images: what networks that learn from it are given.',
      resolve: ({ facts }) => facts.normalization,
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
    // Nullable, so that of a list of data sets one that cannot be had takes no other along.
    samples: t.field({
      type: [SampleRef],
      nullable: true,
      description:
        'Images chosen at random; the same seed chooses the same ones. Fetches the data set if it is MISSING. Null, with an error that says why, when it cannot be had.',
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
    images: t.connection(
      {
        type: SampleRef,
        nullable: true,
        description:
          'Images in the order of their places, of one class or of all. Null, with an error that says why, when there are none of the class, or the data set is not READY.',
        args: {
          split: t.arg({ type: SplitEnum, defaultValue: 'train', required: true, description: 'The split.' }),
          class: t.arg.string({ description: 'Only images of this class.' }),
        },
        resolve: async (store, { split, class: label, ...args }, _context, info) => {
          const places = await placesOf(store, split, label ?? null)
          return pageOf<SampleShape>(
            { args, info, of: `${store.facts.name}/${split}/${label ?? ''}` },
            {
              order: 'asc',
              keyOf: ({ index }) => index,
              async read({ gt = -1, lt = Number.POSITIVE_INFINITY }, order, take) {
                const within = places.filter((index) => index > gt && index < lt)
                const some = order === 'asc' ? within.slice(0, take) : within.slice(-take).reverse()
                return [...some].map((index) => ({ store, split, index }))
              },
              has: async ({ gt = -1, lt = Number.POSITIVE_INFINITY }) =>
                places.some((index) => index > gt && index < lt),
              count: () => places.length,
            },
          )
        },
      },
      connectionOf(SampleRef, 'Sample'),
    ),
  }),
})

/** Places of the images of a class in a split, or of all, in order. */
async function placesOf(store: DatasetStore, split: Split, label: string | null): Promise<number[]> {
  const { classes, count } = store.facts
  if (label === null) return Array.from({ length: count[split] }, (_, index) => index)
  const wanted = classes.indexOf(label)
  if (wanted < 0) throw badInput(`images: ${store.facts.name} has no class ${JSON.stringify(label)}.`)
  const labels = await store.labels(split).catch(throwCoded)
  const places: number[] = []
  for (const [index, found] of labels.entries()) if (found === wanted) places.push(index)
  return places
}
