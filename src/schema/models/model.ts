import type { ModelVersion } from '../../db/generated/client.ts'
import { toVersion } from '../../models/version.ts'
import { architectureOf } from '../../models/versions.ts'
import { DamagedArtifactError } from '../../ports/artifact-store.ts'
import { UnusableModelError } from '../../predictor/errors.ts'
import { isLayersModel } from '../../zoo/formats/standard-layers.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOfRows } from '../builder/connection.ts'
import { described } from '../builder/described.ts'
import { throwCoded } from '../builder/errors.ts'
import { DatasetRef, datasetOf } from '../data/dataset.ts'
import { ArchitectureRef } from '../zoo/architecture.ts'
import { EvaluationRef } from './evaluation.ts'
import { PreprocessingRef } from './preprocessing.ts'

/** Of the inputs that make a version. */
export const VERSION_KEY =
  'The same key never makes a second version: send the request again when in doubt. Another request under it is a ConflictError; when the version was deleted since, a NotFoundError.'

export const ModelRef = builder.prismaNode('Model', {
  nullable: true,
  description:
    'Weights under one name, in versions. Every completed run adds one to the model of its network; registerModel and importModel add more.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Name to use in inputs.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When its first version was made.' }),
    aliases: t.relation('aliases', {
      query: { orderBy: { name: 'asc' } },
      description: 'Movable names of its versions, by name.',
      resolve: (query, { id: modelId }, _args, { models }) =>
        models.aliases.list({ ...query, where: { modelId } }),
    }),
  }),
})

const ModelVersionOrigin = builder.enumType('ModelVersionOrigin', {
  description: 'Origin of weights: TRAINED by a run of this server, or IMPORTED.',
  values: described({
    TRAINED: 'The weights come from a run of this server.',
    IMPORTED: 'The weights come from a file that a person uploaded.',
  }),
})

const DownloadRef = builder.objectRef<{ url: string }>('Download').implement({
  description: 'A file over plain HTTP, with ETag and ranges.',
  fields: (t) => ({
    url: t.exposeString('url', { description: 'Its path on this server, beginning with /.' }),
    signedUrl: t.string({
      description:
        'The same for whoever has no token: a link that is good for ten minutes, to hand on to a program. A LayersModel is opened by it whole.',
      resolve: ({ url }, _args, { addresses }) => addresses.signed(url),
    }),
  }),
})

const DownloadsRef = builder.objectRef<ModelVersion>('Downloads').implement({
  description: 'The weights as other programs read them.',
  fields: (t) => ({
    safetensors: t.field({
      type: DownloadRef,
      description:
        "A safetensors file with torchvision's names: torchvision's own VGG loads it with strict=True.",
      resolve: (version, _args, { addresses }) => ({ url: addresses.safetensors(version) }),
    }),
    layersModel: t.field({
      type: DownloadRef,
      nullable: true,
      description:
        'The model.json of a TF.js LayersModel, beside its weights: tf.loadLayersModel opens it. It takes a normalised picture and answers probabilities, and getUserDefinedMetadata() has the preprocessing. Null for a network with local response normalisation, for which TF.js has no layer.',
      resolve: (version, _args, { addresses, architectures }) =>
        isLayersModel(architectureOf(version, architectures))
          ? { url: addresses.layersModel(version) }
          : null,
    }),
  }),
})

// Relations have a `resolve` for an object that was not read with them, such as the result of a mutation: it goes by the
// object's own columns, which are known also when its row is gone.
export const ModelVersionRef = builder.prismaNode('ModelVersion', {
  nullable: true,
  description: 'Weights that can predict, and where they come from.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    model: t.relation('model', {
      description: 'Model that it is a version of.',
      resolve: (query, { modelId }, _args, { models }) => models.get({ ...query, where: { id: modelId } }),
    }),
    version: t.exposeInt('version', {
      description: 'Number of the version, from 1; a number is never given twice.',
    }),
    owner: t.exposeString('ownerId', {
      description: 'Whose version it is: Viewer.id of who imported it, registered it, or trained it.',
    }),
    origin: t.expose('origin', { type: ModelVersionOrigin, description: 'Origin of the weights.' }),
    source: t.exposeString('source', {
      nullable: true,
      description: 'Names of the files that it was imported from; null when it was trained.',
    }),
    architecture: t.field({
      type: ArchitectureRef,
      description: 'The network, as the zoo lists it.',
      resolve: ({ architecture }, _args, { architectures }) => architectures.find(architecture)!,
    }),
    run: t.relation('run', {
      nullable: true,
      description: 'The run that trained it; null when it was imported or the run was deleted.',
      resolve: (query, { runId }, _args, { runs }) =>
        runId === null ? null : runs.find({ ...query, where: { id: runId } }),
    }),
    checkpoint: t.relation('checkpoint', {
      nullable: true,
      description: 'Checkpoint that it was made of; null when it was imported or the run was deleted.',
      resolve: (query, { checkpointId }, _args, { runs }) =>
        checkpointId === null ? null : runs.findCheckpoint({ ...query, where: { id: checkpointId } }),
    }),
    dataset: t.field({
      type: DatasetRef,
      nullable: true,
      description: 'Data set that it learned from; null when it was imported.',
      resolve: ({ dataset }, _args, { datasets }) => (dataset === null ? null : datasetOf(datasets, dataset)),
    }),
    accuracy: t.float({
      nullable: true,
      description:
        'Accuracy on the test images when it was saved, 0 to 1; of an imported version that of its evaluation, null until there is one.',
      resolve: (version) => version.accuracy ?? toVersion(version).evaluation?.accuracy,
    }),
    evaluation: t.field({
      type: EvaluationRef,
      nullable: true,
      description:
        'Its newest evaluation: that of its run when it has the weights that the run ended with, or what evaluateModel made. Null until there is one.',
      resolve: (version, _args, { datasets }) => {
        const { evaluation } = toVersion(version)
        if (evaluation === null) return null
        const of = { modelVersionId: version.id }
        return { result: evaluation, store: datasetOf(datasets, evaluation.dataset), of }
      },
    }),
    evaluatedAt: t.expose('evaluatedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When `evaluation` was made.',
    }),
    aliases: t.relation('aliases', {
      query: { orderBy: { name: 'asc' } },
      description: 'The aliases that name it now.',
      resolve: (query, { id: versionId }, _args, { models }) =>
        models.aliases.list({ ...query, where: { versionId } }),
    }),
    filters: t.field({
      type: 'DataUrl',
      nullable: true,
      description:
        'The filters of its first convolution as a PNG: a tile in colour for each, from its smallest weight to its largest. Drawn when it is selected.',
      complexity: 20,
      resolve: async (version, _args, { models }) => ({
        mediaType: 'image/png',
        bytes: await models.filters(version).catch((error: unknown) => {
          if (!(error instanceof DamagedArtifactError)) throw error
          // Its own message has a path of the server's.
          return throwCoded(
            new UnusableModelError(`The file ${version.digest}.safetensors is missing or altered.`),
          )
        }),
      }),
    }),
    loaded: t.boolean({
      description:
        'Whether its weights are in the memory of a predictor: the next prediction does not wait for them.',
      resolve: (version, _args, { predictions }) => predictions.isLoaded(version),
    }),
    preprocessing: t.field({
      type: PreprocessingRef,
      description: 'How a picture becomes its input.',
      resolve: (version) => toVersion(version).preprocessing,
    }),
    downloads: t.field({
      type: DownloadsRef,
      description: 'The weights as other programs read them.',
      resolve: (version) => version,
    }),
    bytes: t.float({
      description: 'Size of its safetensors file in bytes.',
      resolve: ({ bytes }) => Number(bytes),
    }),
    digest: t.exposeString('digest', { description: 'SHA-256 of its safetensors file, in hexadecimal.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

export const ModelAliasRef = builder.prismaNode('ModelAlias', {
  nullable: true,
  description: 'A name that moves from version to version of a model, such as champion.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    model: t.relation('model', {
      description: 'Model that it belongs to.',
      resolve: (query, { modelId }, _args, { models }) => models.get({ ...query, where: { id: modelId } }),
    }),
    name: t.exposeString('name', { description: 'The alias.' }),
    owner: t.exposeString('ownerId', { description: 'Whose alias it is: Viewer.id of who made it.' }),
    // Not with the alias: read one after the other, it could name one that was deleted since it moved on.
    version: t.prismaField({
      type: ModelVersionRef,
      description: 'Version that it names now.',
      resolve: (query, alias, _args, { models }) => models.aliases.versionOf(alias, query),
    }),
    protected: t.exposeBoolean('protected', {
      description: 'Whether it must be unprotected before it moves.',
    }),
    movedAt: t.expose('movedAt', { type: 'DateTime', description: 'When it came to this version.' }),
  }),
})

builder.prismaObjectField(ModelRef, 'version', (t) =>
  t.prismaField({
    type: ModelVersionRef,
    nullable: true,
    description: 'A version by its number; null when there is none, or none any more.',
    args: { number: t.arg.int({ required: true, description: 'Number of the version, from 1.' }) },
    resolve: (query, { id: modelId }, { number: version }, { models }) =>
      models.findVersion({ ...query, where: { modelId_version: { modelId, version } } }),
  }),
)

builder.prismaObjectField(ModelRef, 'versions', (t) =>
  t.connection(
    {
      type: ModelVersionRef,
      description: 'Versions of the model, newest first.',
      resolve: ({ id: modelId }, args, context, info) =>
        pageOfRows(
          { args, context, info, of: modelId },
          {
            key: 'version',
            find: (query) => context.models.listVersions({ ...query, where: { ...query.where, modelId } }),
            count: () => context.models.countVersions(modelId),
          },
        ),
    },
    connectionOf(ModelVersionRef, 'ModelVersion'),
  ),
)
