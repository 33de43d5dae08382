import { ArchitectureRef } from './architecture.ts'
import { builder } from './builder.ts'
import { connectionOf } from './connection.ts'
import { DatasetRef } from './dataset.ts'

export const ModelRef = builder.prismaNode('Model', {
  nullable: true,
  description:
    'Trained weights under one name, in versions. Every completed run adds one to the model of its network.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of its network.' }),
  }),
})

export const ModelVersionRef = builder.prismaNode('ModelVersion', {
  nullable: true,
  description: 'The weights that one run made.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    model: t.relation('model', { description: 'What it is a version of.' }),
    version: t.exposeInt('version', { description: 'Counted from 1.' }),
    architecture: t.field({
      type: ArchitectureRef,
      description: 'The network, as the zoo lists it.',
      resolve: ({ architecture }, _args, { architectures }) => architectures.find(architecture)!,
    }),
    run: t.relation('run', { nullable: true, description: 'The run that made it.' }),
    dataset: t.field({
      type: DatasetRef,
      nullable: true,
      description: 'What it learned from; null for what was imported.',
      resolve: ({ dataset }, _args, { datasets }) => (dataset === null ? null : datasets.get(dataset)!),
    }),
    accuracy: t.exposeFloat('accuracy', { nullable: true, description: 'On the test images.' }),
    bytes: t.float({ description: 'Size of its safetensors file.', resolve: ({ bytes }) => Number(bytes) }),
    digest: t.exposeString('digest', { description: 'sha256 of that file.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

builder.prismaObjectField(ModelRef, 'versions', (t) =>
  t.relatedConnection(
    'versions',
    {
      cursor: 'id',
      totalCount: true,
      query: { orderBy: { version: 'desc' } },
      description: 'Newest first.',
    },
    connectionOf(ModelVersionRef, 'ModelVersion'),
  ),
)

builder.queryField('models', (t) =>
  t.prismaConnection(
    {
      type: ModelRef,
      cursor: 'id',
      description: 'Models that can predict.',
      totalCount: (_root, _args, { predictions }) => predictions.countModels(),
      resolve: (query, _root, _args, { predictions }) => predictions.listModels(query),
    },
    connectionOf(ModelRef, 'Model'),
  ),
)
