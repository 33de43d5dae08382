import type { STORED, Storage } from '../../system/storage.ts'
import { builder } from '../builder/builder.ts'

const StoredEnum = builder.enumType('Stored', {
  description: "What takes room in the server's data folder.",
  values: {
    DATABASE: { description: 'The embedded database with its log; one that is elsewhere is not counted.' },
    WEIGHTS: { description: 'Weights of model versions and checkpoints.' },
    DERIVED: {
      description:
        'What was made of weights and can be made again: models for browsers, what frozen layers and networks make of training pictures.',
    },
    DATASETS: { description: 'Prepared pictures of data sets.' },
    UPLOADS: { description: 'Uploads and imports that are under way.' },
    OTHER: { description: 'What is none of these.' },
  } satisfies Record<(typeof STORED)[number], object>,
})

const StoredPart = builder.objectRef<Storage['parts'][number]>('StoredPart').implement({
  description: 'How much room one kind of thing takes.',
  fields: (t) => ({
    what: t.field({ type: StoredEnum, description: 'What it is.', resolve: ({ what }) => what }),
    bytes: t.exposeFloat('bytes', { description: 'Bytes on the disk.' }),
    files: t.exposeInt('files', { description: 'Number of files.' }),
  }),
})

export const StorageRef = builder.objectRef<Storage>('Storage').implement({
  description: "The disk of the server's data folder.",
  fields: (t) => ({
    freeBytes: t.exposeFloat('free', { description: 'Bytes that the server may still write.' }),
    sizeBytes: t.exposeFloat('size', { description: 'Bytes of the whole disk.' }),
    parts: t.field({
      type: [StoredPart],
      description: 'What takes how much of it, the most first; counted again after five seconds.',
      resolve: ({ parts }) => parts,
    }),
  }),
})
