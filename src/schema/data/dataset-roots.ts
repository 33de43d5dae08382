import { NotFoundError } from '../../errors.ts'
import { builder } from '../builder/builder.ts'
import { resultOf, throwCoded } from '../builder/errors.ts'
import { DatasetRef } from './dataset.ts'

/** In descriptions of arguments. */
const WHICH = 'A name, such as cifar10; or of one that a person made a version of it, such as "pets@2".'

builder.queryFields((t) => ({
  datasets: t.field({
    type: [DatasetRef],
    authScopes: { role: 'VIEWER' },
    description:
      'The data sets this server knows, the built-in ones first. Of one that a person made the newest version that is READY, or the newest where none is.',
    resolve: (_root, _args, { datasets }) => datasets.list(),
  }),
  dataset: t.field({
    type: DatasetRef,
    authScopes: { role: 'VIEWER' },
    nullable: true,
    description:
      'A data set by its name, or one version of it, in whatever state it is; null when there is none. A name alone means the newest version that is READY, or the newest where none is.',
    args: { name: t.arg.string({ required: true, description: WHICH }) },
    resolve: (_root, { name }, { datasets }) => datasets.find(name) ?? null,
  }),
}))

builder.mutationField('prepareDataset', (t) =>
  t.field({
    type: DatasetRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf('PrepareDataset', [NotFoundError], 'The data set, READY or FETCHING.'),
    description:
      'Starts fetching a data set unless it is READY, and answers at once: watch `state` and `progress`. A run does this by itself.',
    args: { name: t.arg.string({ required: true, description: WHICH }) },
    resolve: (_root, { name }, { datasets }) => {
      const store = datasets.require(name)
      // How it ends is the store's state: FAILED with an error that the next query shows.
      store.prepare().catch(() => {})
      return store
    },
  }),
)

builder.subscriptionFields((t) => ({
  datasetChanged: t.field({
    type: DatasetRef,
    authScopes: { role: 'VIEWER' },
    description:
      'A data set as it is now, and whenever its state, or how far a fetch or its import is, is another. A slow reader gets the newest state only. It goes on until you leave it, also when the data set is READY: its file may be damaged and fetched again.',
    args: { name: t.arg.string({ required: true, description: WHICH }) },
    subscribe: async (_root, { name }, { datasets }) => {
      const store = datasets.find(name)
      if (store !== undefined) return datasets.followOne(store)
      return throwCoded(new NotFoundError(datasets.whyNot(name)))
    },
    resolve: (store) => store,
  }),
  datasetsChanged: t.field({
    type: DatasetRef,
    authScopes: { role: 'VIEWER' },
    description:
      'Every data set and version as it is after a change: a new one, another state, progress of a fetch or an import, DELETED. A slow reader gets the newest state only.',
    subscribe: (_root, _args, { datasets }) => datasets.follow(),
    resolve: (store) => store,
  }),
}))
