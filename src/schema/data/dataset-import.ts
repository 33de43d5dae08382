import type { DatasetStore } from '../../data/dataset.ts'
import {
  FINDING_KINDS,
  type IMPORT_PHASES,
  type LABEL_KINDS,
  type Place,
} from '../../data/importing/protocol.ts'
import { originInWords } from '../../data/own/asked.ts'
import { progressOf } from '../../data/own/store.ts'
import type { ImportedVersion, OwnFinding } from '../../data/own/version.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOf } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { ResizeRule } from '../models/preprocessing.ts'
import { SampleRef, type SampleShape } from './sample.ts'

const FindingKind = builder.enumType('DatasetFindingKind', {
  description: 'Kinds of what an import says of a file, a class or the whole.',
  values: described<(typeof FINDING_KINDS)[number]>({
    REFUSED: 'A picture that cannot be read. It was left out.',
    SKIPPED: 'A file that is no picture of the data set: hidden, a link, another archive. It was left out.',
    DUPLICATE: 'The same pixels as another picture of its class and split. It was left out.',
    CONTRADICTION: 'The same pixels as a picture of another class. Both were kept.',
    NEAR_DUPLICATE: 'Looks like another picture of its split. Both were kept.',
    LEAK: 'The same as, or looks like, a picture of the other split: a test of what was learned by heart. Both were kept.',
    FEW_PICTURES: 'A class with fewer pictures than can be learned from and tested.',
    EMPTY_CLASS: 'A class without a picture that can be read. It is none.',
    SIMILAR_CLASSES: 'Two classes whose names differ in case, accents or blanks alone.',
  }),
})

const ImportPhase = builder.enumType('DatasetImportPhase', {
  description: 'What is done to import a data set.',
  values: described<(typeof IMPORT_PHASES)[number]>({
    UNPACKING: 'Its archive is unpacked.',
    READING: 'Its pictures are read and scaled.',
    WRITING: 'Its images are written as trainers read them.',
  }),
})

const ImportState = builder.enumType('DatasetImportState', {
  description: 'State of the import of a version of a data set.',
  values: described<ImportedVersion['state']>({
    QUEUED: 'Waits until the imports before it are done.',
    IMPORTING: 'At work.',
    READY: 'Done: networks can be trained on it.',
    FAILED: 'Ended without a data set; `error` says why.',
    CANCELLED: 'Ended by somebody.',
    DELETED: 'Its data set was deleted since.',
  }),
})

export const LabelKindEnum = builder.enumType('DatasetLabels', {
  description: 'Labels of an image, where the files have several for it, as those of CIFAR-100.',
  values: described<(typeof LABEL_KINDS)[number]>({
    FINE: 'Of its class: "maple tree".',
    COARSE: 'Of a group of classes: "trees".',
  }),
})

/** And the version that it is of. */
interface FindingShape extends OwnFinding {
  store: DatasetStore
}

const FindingRef = builder.objectRef<FindingShape>('DatasetFinding').implement({
  description: 'What an import says of a file, of a class, or of the whole.',
  fields: (t) => ({
    kind: t.expose('kind', { type: FindingKind, description: 'The kind.' }),
    path: t.exposeString('path', { description: 'Path of the file as it was sent, or the class.' }),
    message: t.exposeString('message', {
      description: 'A sentence that says what is the matter, and what became of it.',
    }),
    other: t.exposeString('other', { nullable: true, description: 'The other one of two.' }),
    sample: t.field({
      type: SampleRef,
      nullable: true,
      description:
        'The image in the data set; null for what is none, for what was left out, and until the data set is READY.',
      resolve: ({ store, place }) => sampleOf(store, place),
    }),
    otherSample: t.field({
      type: SampleRef,
      nullable: true,
      description: 'The image of `other`; null as `sample` is.',
      resolve: ({ store, otherPlace }) => sampleOf(store, otherPlace),
    }),
  }),
})

async function sampleOf(store: DatasetStore, place: Place | null): Promise<SampleShape | null> {
  if (place === null || (await store.present()).state !== 'READY') return null
  return { store, ...place }
}

const FindingCount = builder
  .objectRef<{ kind: (typeof FINDING_KINDS)[number]; count: number }>('DatasetFindingCount')
  .implement({
    description: 'How many findings of a kind there are.',
    fields: (t) => ({
      kind: t.expose('kind', { type: FindingKind, description: 'The kind.' }),
      count: t.exposeInt('count', {
        description: 'Number of them. Of each kind the first 1,000 are listed in `findings`.',
      }),
    }),
  })

const ImportSettings = builder.objectRef<ImportedVersion['asked']>('DatasetImportSettings').implement({
  description: 'How pictures become images of the data set.',
  fields: (t) => ({
    size: t.intList({ description: '[height, width] of its images in pixels.', resolve: ({ size }) => size }),
    resize: t.field({
      type: ResizeRule,
      description: 'How a picture is brought to `size`.',
      resolve: ({ resize }) => resize.rule,
    }),
    background: t.string({
      nullable: true,
      description: 'With CONTAIN: the colour around a picture, "#rrggbb"; else null.',
      resolve: ({ resize }) => (resize.rule === 'CONTAIN' ? (resize.background ?? '#000000') : null),
    }),
    testShare: t.float({
      description:
        'Share of each class that is for testing, where what was sent has no test images of its own.',
      resolve: ({ split }) => split.testShare,
    }),
    seed: t.int({ description: 'Seed by which they are chosen.', resolve: ({ split }) => split.seed }),
    labels: t.expose('labels', {
      type: LabelKindEnum,
      nullable: true,
      description: 'Labels that were asked for, of files that have several for an image; null: none were.',
    }),
  }),
})

/** Of a version of a data set that a person made. */
export const DatasetImportRef = builder.objectRef<ImportedVersion>('DatasetImport').implement({
  description: 'How a version of a data set was made, or is being made.',
  fields: (t) => ({
    state: t.expose('state', { type: ImportState, description: 'Its state.' }),
    progress: t.float({
      description: 'Progress, 0 to 1.',
      resolve: progressOf,
    }),
    phase: t.field({
      type: ImportPhase,
      nullable: true,
      description: 'What is done now; null unless IMPORTING.',
      resolve: ({ progress }) => progress?.phase ?? null,
    }),
    done: t.int({
      nullable: true,
      description: 'Pictures that are done of this phase; null unless IMPORTING.',
      resolve: ({ progress }) => progress?.done ?? null,
    }),
    total: t.int({
      nullable: true,
      description: 'All of this phase; null as long as it is not known.',
      resolve: ({ progress }) => progress?.total ?? null,
    }),
    ahead: t.int({
      nullable: true,
      description: 'Number of imports that are done before it; null unless QUEUED or IMPORTING.',
      resolve: (own, _args, { ownDatasets }) => ownDatasets.ahead(own),
    }),
    error: t.exposeString('error', { nullable: true, description: 'Why it FAILED, and what to do.' }),
    canRetry: t.boolean({
      description:
        'Whether it FAILED for want of room on the disk, and what was sent is kept: `retryDatasetImport` tries it again.',
      resolve: ({ state, mayRetry }) => state === 'FAILED' && mayRetry,
    }),
    origin: t.string({
      description:
        'What it is made of, in words: the name of the archive or folder, or of the version before.',
      resolve: ({ asked }) => originInWords(asked.from),
    }),
    settings: t.field({
      type: ImportSettings,
      description: 'How pictures become images of the data set.',
      resolve: ({ asked }) => asked,
    }),
    layout: t.string({
      nullable: true,
      description: 'Layout that was recognised, in words: "a folder for each class". Null unless READY.',
      resolve: ({ summary }) => summary?.layout ?? null,
    }),
    files: t.int({
      nullable: true,
      description: 'Files that were looked at; null unless READY.',
      resolve: ({ summary }) => summary?.files ?? null,
    }),
    smallest: t.intList({
      nullable: true,
      description: '[height, width] of the smallest picture before scaling; null where none was scaled.',
      resolve: ({ summary }) => summary?.smallest ?? null,
    }),
    largest: t.intList({
      nullable: true,
      description: '[height, width] of the largest picture before scaling; null where none was scaled.',
      resolve: ({ summary }) => summary?.largest ?? null,
    }),
    findingCounts: t.field({
      type: [FindingCount],
      description: 'Number of findings of each kind of which there are any; complete when READY.',
      resolve: ({ summary }) =>
        FINDING_KINDS.flatMap((kind) => {
          const count = summary?.findings[kind] ?? 0
          return count === 0 ? [] : [{ kind, count }]
        }),
    }),
    findings: t.connection(
      {
        type: FindingRef,
        description:
          'What it says of files and classes, in the order in which it did; the first 1,000 of each kind.',
        args: { kind: t.arg({ type: FindingKind, description: 'Only this kind.' }) },
        resolve: ({ id, reference }, { kind, ...args }, { ownDatasets: { findings }, datasets }, info) => {
          const store = datasets.named(reference)!
          const where = { versionId: id, ...(kind != null && { kind }) }
          return pageOf<FindingShape>(
            { args, info, of: `${id}/${kind ?? ''}` },
            {
              order: 'asc',
              keyOf: ({ number }) => number,
              async read(number, order, take) {
                const query = { where: { ...where, number }, orderBy: { number: order }, take }
                return (await findings.list(query)).map((finding) => ({ ...finding, store }))
              },
              has: async (number) => (await findings.count({ ...where, number })) > 0,
              count: () => findings.count(where),
            },
          )
        },
      },
      connectionOf(FindingRef, 'DatasetFinding'),
    ),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was begun last.',
    }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
  }),
})
