import type { Viewer } from '../../access/viewer.ts'
import { CLASSES, MAX_EDITS, SIDES, USUAL_SIZE, USUAL_TEST_SHARE } from '../../data/own/check.ts'
import type {
  CreateDatasetInput as CreateInput,
  EditsInput,
  GivenInput,
  PictureInput,
} from '../../data/own/input.ts'
import type { DatasetUpload } from '../../data/own/uploads.ts'
import { KEPT_HOURS } from '../../data/own/uploads.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { MAX_BATCH_PICTURES } from '../../pictures/limits.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { ResizeRule } from '../models/preprocessing.ts'
import { DatasetRef } from './dataset.ts'
import { LabelKindEnum } from './dataset-import.ts'
import { SplitEnum } from './sample.ts'

const DatasetPictureInput = builder.inputType('DatasetPictureInput', {
  description: 'A picture of a data set.',
  fields: (t) => ({
    file: t.field({
      type: 'File',
      required: true,
      description: 'A picture as `predict` takes it, a file part of a multipart request.',
    }),
    label: t.string({ required: true, description: 'Its class.' }),
    split: t.field({
      type: SplitEnum,
      description: 'The split it belongs to. When left out, `testShare` says how many are for testing.',
    }),
  }),
})

const PICTURES = `Pictures with their classes, up to ${MAX_BATCH_PICTURES} in one request.`
const ARCHIVE =
  'A .zip, .tar or .tar.gz with a folder of pictures for each class, folders train and test of these, a CSV that names pictures, or files of CIFAR-10, CIFAR-100 or MNIST. A file part of a multipart request.'
const FOLDER =
  'A folder on the server with the same, as a path that begins in its DATASETS_DIR: "pets". It is read while it is imported, and not needed after.'
const UPLOAD = 'Id of pictures that were sent with `addPictures`. The upload is gone then.'

const DatasetFromInput = builder.inputType('DatasetFromInput', {
  description: 'Exactly one place that the pictures come from.',
  isOneOf: true,
  fields: (t) => ({
    archive: t.field({ type: 'File', description: ARCHIVE }),
    folder: t.string({ description: FOLDER }),
    pictures: t.field({ type: [DatasetPictureInput], description: PICTURES }),
    upload: t.id({ description: UPLOAD }),
    dataset: t.string({
      description:
        'Another data set of this server, built in or not, by its name or a version: "pets@2". Say with `edits` what is to be another.',
    }),
  }),
})

const DatasetAddInput = builder.inputType('DatasetAddInput', {
  description: 'Exactly one place that more pictures come from.',
  isOneOf: true,
  fields: (t) => ({
    archive: t.field({ type: 'File', description: ARCHIVE }),
    folder: t.string({ description: FOLDER }),
    pictures: t.field({ type: [DatasetPictureInput], description: PICTURES }),
    upload: t.id({ description: UPLOAD }),
  }),
})

const ClassEditInput = builder.inputType('ClassEditInput', {
  description: 'What a class is to become.',
  fields: (t) => ({
    from: t.string({ required: true, description: 'Its name.' }),
    to: t.string({
      description:
        'Another name for it; that of another class to merge the two. Null leaves the class and its images out.',
    }),
  }),
})

const ImageEditInput = builder.inputType('ImagePlaceInput', {
  description: 'An image by its place in the version that is edited.',
  fields: (t) => ({
    split: t.field({ type: SplitEnum, required: true, description: 'The split it belongs to.' }),
    index: t.int({ required: true, description: 'Its place in the split, from 0.' }),
  }),
})

const RelabelInput = builder.inputType('RelabelInput', {
  description: 'Another class for an image.',
  fields: (t) => ({
    split: t.field({ type: SplitEnum, required: true, description: 'The split it belongs to.' }),
    index: t.int({ required: true, description: 'Its place in the split, from 0.' }),
    label: t.string({
      required: true,
      description: 'Its class from now on, one that is there or a new one.',
    }),
  }),
})

const DatasetEditsInput = builder.inputType('DatasetEditsInput', {
  description: `What is to be another than in the data set that it is made of. Each list has at most ${MAX_EDITS} entries.`,
  fields: (t) => ({
    classes: t.field({ type: [ClassEditInput], description: 'Classes to rename, merge or leave out.' }),
    relabel: t.field({ type: [RelabelInput], description: 'Images that get another class.' }),
    exclude: t.field({ type: [ImageEditInput], description: 'Images to leave out.' }),
    mostOfClass: t.int({
      description:
        'The most images of a class to take of each split, chosen by `seed`: a subset that is balanced.',
    }),
  }),
})

const SIZE = `[height, width] of the images in pixels, each from ${SIDES.least} to ${SIDES.most}. When left out that of the data set it is made of, else [${USUAL_SIZE.join(', ')}].`
const RESIZE = 'How a picture is brought to `size`; COVER when left out.'
const BACKGROUND = 'With CONTAIN: the colour around a picture, "#rrggbb"; black when left out.'
const SHARE = `Share of each class that is for testing, above 0 and below 1, where what is sent has no test images of its own; ${USUAL_TEST_SHARE} when left out.`
const SEED = 'Seed by which these are chosen; 0 when left out.'
const LABELS =
  'Labels to take of files that have several for an image: those of CIFAR-100. When left out FINE, or COARSE where the names of these alone are beside them.'
const KEY =
  'Key of the request: the same key never makes a second version. Send it again when in doubt; files count by what is in them.'

const CreateDatasetInput = builder.inputType('CreateDatasetInput', {
  description: 'A data set to make, and what of.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Name to use in inputs: a lower-case letter, then up to 39 of these, digits and _.',
    }),
    from: t.field({ type: DatasetFromInput, required: true, description: 'Where the pictures come from.' }),
    edits: t.field({ type: DatasetEditsInput, description: 'With `from.dataset`: what is to be another.' }),
    size: t.intList({ description: SIZE }),
    resize: t.field({ type: ResizeRule, description: RESIZE }),
    background: t.string({ description: BACKGROUND }),
    testShare: t.float({ description: SHARE }),
    seed: t.int({ description: SEED }),
    labels: t.field({ type: LabelKindEnum, description: LABELS }),
    idempotencyKey: t.string({ description: KEY }),
  }),
})

const UpdateDatasetInput = builder.inputType('UpdateDatasetInput', {
  description: 'What the next version of a data set is to be.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description:
        'The data set, for its newest version that is READY, or the version to begin with: "pets@1".',
    }),
    edits: t.field({ type: DatasetEditsInput, description: 'What is to be another.' }),
    add: t.field({ type: DatasetAddInput, description: 'More pictures.' }),
    size: t.intList({ description: SIZE }),
    resize: t.field({
      type: ResizeRule,
      description: 'How added pictures are brought to `size`; as before when left out.',
    }),
    background: t.string({ description: BACKGROUND }),
    testShare: t.float({
      description: 'Share of added pictures that is for testing; as before when left out.',
    }),
    seed: t.int({ description: 'Seed by which these are chosen; as before when left out.' }),
    labels: t.field({ type: LabelKindEnum, description: LABELS }),
    idempotencyKey: t.string({ description: KEY }),
  }),
})

const AddPicturesInput = builder.inputType('AddPicturesInput', {
  description: 'Pictures, and the upload that they belong to.',
  fields: (t) => ({
    upload: t.id({
      required: true,
      description:
        'An id of your own for the upload: 1 to 64 letters, digits, - and _. The first call makes it.',
    }),
    pictures: t.field({ type: [DatasetPictureInput], required: true, description: PICTURES }),
  }),
})

const LabelCount = builder.objectRef<DatasetUpload['labels'][number]>('LabelCount').implement({
  description: 'How many pictures of an upload are of one class.',
  fields: (t) => ({
    label: t.exposeString('label', { description: 'The class.' }),
    count: t.exposeInt('count', { description: 'Number of its pictures.' }),
  }),
})

const DatasetUploadRef = builder.objectRef<DatasetUpload>('DatasetUpload').implement({
  description: 'Pictures that were sent, and wait until a data set is made of them.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Its id, for `createDataset(from: { upload })`.' }),
    count: t.exposeInt('count', { description: 'Number of its pictures.' }),
    bytes: t.exposeFloat('bytes', { description: 'Bytes of its pictures.' }),
    labels: t.field({
      type: [LabelCount],
      description: 'Its classes, in the order in which they came.',
      resolve: ({ labels }) => labels,
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      description: 'When it is removed, unless more pictures come or a data set is made of it.',
    }),
  }),
})

const CHANGES = [ValidationError, NotFoundError, ConflictError, OverloadedError]

builder.mutationFields((t) => ({
  createDataset: t.field({
    type: DatasetRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf('CreateDataset', CHANGES, 'Version 1, which is being imported, or why it is not.'),
    description: `Makes a data set of pictures: ${CLASSES.least} to ${CLASSES.most} classes. It answers as soon as all is sent; the import goes on when you leave, one at a time: follow it by \`datasetChanged\`. What cannot be read is left out, and told in \`import.findings\`.`,
    args: { input: t.arg({ type: CreateDatasetInput, required: true, description: 'Name and pictures.' }) },
    resolve: (_root, { input }, { ownDatasets, viewer }) =>
      ownDatasets.create({
        ...howOf(input, viewer),
        name: input.name,
        from: fromOf(input.from, viewer),
        edits: editsOf(input.edits),
      }),
  }),
  updateDataset: t.field({
    type: DatasetRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ input }, { ownDatasets }) => ownDatasets.ownerOf(input.name),
    errors: resultOf(
      'UpdateDataset',
      CHANGES,
      'The next version, which is being imported, or why it is not.',
    ),
    description:
      'Makes the next version of a data set that a person made: with other classes, other labels, without some images, or with more. The version before stays as it is, and what learned from it goes on naming it.',
    args: {
      input: t.arg({ type: UpdateDatasetInput, required: true, description: 'What is to be another.' }),
    },
    resolve: (_root, { input }, { ownDatasets, viewer }) =>
      ownDatasets.update({
        ...howOf(input, viewer),
        name: input.name,
        edits: editsOf(input.edits),
        add: input.add == null ? null : givenOf(input.add, viewer),
      }),
  }),
  addPictures: t.field({
    type: DatasetUploadRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'AddPictures',
      [ValidationError, ConflictError],
      'The upload, with all its pictures so far.',
    ),
    description: `Sends pictures of a data set that are too many for one request: call it as often as you need, then \`createDataset(from: { upload })\`. A picture with the name, class and split of one that is there takes its place: what was sent may be sent again. An upload is kept for ${KEPT_HOURS} hours, also when the server is started anew.`,
    args: { input: t.arg({ type: AddPicturesInput, required: true, description: 'The pictures.' }) },
    resolve: (_root, { input }, { ownDatasets, viewer }) =>
      ownDatasets.addPictures({
        ownerId: viewer.id,
        upload: String(input.upload),
        pictures: input.pictures.map(pictureOf),
      }),
  }),
  retryDatasetImport: t.field({
    type: DatasetRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ name }, { ownDatasets }) => ownDatasets.ownerOf(name),
    errors: resultOf(
      'RetryDatasetImport',
      [NotFoundError, ConflictError, OverloadedError],
      'The version, which waits for its import again, or why it does not.',
    ),
    description:
      'Tries an import again that FAILED for want of room on the disk, with what was sent for it: see `DatasetImport.canRetry`.',
    args: {
      name: t.arg.string({
        required: true,
        description: 'The version: "pets@2"; or the name alone for the newest that can be tried again.',
      }),
    },
    resolve: (_root, { name }, { ownDatasets }) => ownDatasets.retry(name),
  }),
  cancelDatasetImport: t.field({
    type: DatasetRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ name }, { ownDatasets }) => ownDatasets.ownerOf(name),
    errors: resultOf(
      'CancelDatasetImport',
      [NotFoundError, ConflictError],
      'The version, CANCELLED, or why it is not.',
    ),
    description:
      'Ends the import of a version of a data set, takes it out of the queue, or gives up one that can be tried again. Nothing of it is left.',
    args: {
      name: t.arg.string({
        required: true,
        description: 'The version: "pets@2"; or the name alone for the newest that is being imported.',
      }),
    },
    resolve: (_root, { name }, { ownDatasets }) => ownDatasets.cancel(name),
  }),
  deleteDataset: t.field({
    type: DatasetRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'DeleteDataset',
      [NotFoundError, ConflictError],
      'The data set, DELETED, or why it is not.',
    ),
    description:
      'Deletes a data set that a person made, or one version of it, and frees its files, unless runs need it that are not COMPLETED or CANCELLED. What learned from it keeps its name, its classes and its figures. An import that is under way is cancelled.',
    args: {
      name: t.arg.string({
        required: true,
        description: 'The version: "pets@2"; or the name alone for all versions.',
      }),
    },
    resolve: (_root, { name }, { ownDatasets }) => ownDatasets.delete(name),
  }),
}))

type How = Pick<
  typeof CreateDatasetInput.$inferInput,
  'size' | 'resize' | 'background' | 'testShare' | 'seed' | 'labels' | 'idempotencyKey'
>

function howOf(
  { size, resize, background, testShare, seed, labels, idempotencyKey }: How,
  { id: ownerId }: Viewer,
) {
  return {
    ownerId,
    size: size ?? undefined,
    resize: resize ?? undefined,
    background: background ?? undefined,
    testShare: testShare ?? undefined,
    seed: seed ?? undefined,
    labels: labels ?? undefined,
    idempotencyKey: idempotencyKey ?? undefined,
  }
}

function fromOf(from: typeof DatasetFromInput.$inferInput, viewer: Viewer): CreateInput['from'] {
  return from.dataset == null ? givenOf(from, viewer) : { dataset: from.dataset }
}

function givenOf(
  { archive, folder, pictures, upload }: typeof DatasetAddInput.$inferInput,
  { id: ownerId }: Viewer,
): GivenInput {
  if (archive != null) return { archive }
  if (folder != null) return { folder }
  if (pictures != null) return { pictures: pictures.map(pictureOf) }
  return { upload: String(upload), ownerId }
}

function pictureOf({ file, label, split }: typeof DatasetPictureInput.$inferInput): PictureInput {
  return { file, label, split: split ?? null }
}

function editsOf(edits: typeof DatasetEditsInput.$inferInput | null | undefined): EditsInput {
  return {
    classes: (edits?.classes ?? []).map(({ from, to }) => ({ from, to: to ?? null })),
    relabel: edits?.relabel ?? [],
    exclude: edits?.exclude ?? [],
    mostOfClass: edits?.mostOfClass ?? null,
  }
}
