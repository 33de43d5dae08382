import type { GraphQLResolveInfo } from 'graphql'
import type { Prisma, TrainingRun } from '../../db/generated/client.ts'
import {
  beside,
  isRunPlace,
  orderBy,
  placeOf,
  type RunFigure,
  type RunOrder,
  type RunPlace,
} from '../../runs/model/order.ts'
import { searched } from '../../runs/model/search.ts'
import type { RunStatus } from '../../runs/model/status.ts'
import type { RunService } from '../../runs/service.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageIn, pageOfRows, type Stretch, selectionOf } from '../builder/connection.ts'
import type { Context } from '../builder/context.ts'
import { described } from '../builder/described.ts'
import { ArchitectureRef } from '../zoo/architecture.ts'
import { RunStatusEnum, TrainingRunRef } from './training-run.ts'

const OrderField = builder.enumType('TrainingRunOrderField', {
  description: 'What training runs are listed by. Runs that have no such figure come last in any direction.',
  values: {
    NUMBER: { value: 'number', description: 'Their number: the order of their start.' },
    BEST_TEST_ACCURACY: { value: 'bestTestAccuracy', description: 'The field bestTestAccuracy.' },
    LAST_TEST_LOSS: { value: 'lastTestLoss', description: 'The field lastTestLoss.' },
    SECONDS: { value: 'seconds', description: 'The field seconds: how long they trained.' },
    IMAGES_PER_SECOND: { value: 'imagesPerSecond', description: 'The field progress.imagesPerSecond.' },
  } satisfies Record<string, { value: 'number' | RunFigure; description: string }>,
})

const OrderDirection = builder.enumType('OrderDirection', {
  description: 'Which end of a list comes first.',
  values: described<'ASC' | 'DESC'>({ ASC: 'The least first.', DESC: 'The greatest first.' }),
})

const TrainingRunOrderInput = builder.inputType('TrainingRunOrderInput', {
  description: 'An order of training runs. Of equal ones the newest comes first.',
  fields: (t) => ({
    field: t.field({ type: OrderField, required: true, description: 'What they are listed by.' }),
    direction: t.field({
      type: OrderDirection,
      required: true,
      defaultValue: 'DESC',
      description: 'Which end comes first.',
    }),
  }),
})

const TrainingRunConnection = connectionOf(TrainingRunRef, 'TrainingRun')

builder.objectField(ArchitectureRef, 'runs', (t) =>
  t.connection(
    {
      type: TrainingRunRef,
      description: 'Training runs of this network, newest first.',
      resolve: ({ name: architecture }, args, context, info) =>
        pageOfRows({ args, context, info, of: architecture }, byNumber(context, { architecture })),
    },
    TrainingRunConnection,
  ),
)

builder.queryField('trainingRuns', (t) =>
  t.connection(
    {
      type: TrainingRunRef,
      authScopes: { role: 'VIEWER' },
      description: 'Training runs, newest first unless `orderBy` says otherwise.',
      args: {
        status: t.arg({ type: [RunStatusEnum], description: 'Only runs with one of these statuses.' }),
        architecture: t.arg.string({ description: 'Name of a network: only its runs.' }),
        search: t.arg.string({
          description:
            'Only runs whose name has this part, in capitals or not; or the one run of a number: "#42".',
        }),
        orderBy: t.arg({
          type: TrainingRunOrderInput,
          description:
            'In which order. A cursor belongs to its order; runs whose figure changes meanwhile may come twice, or on no page.',
        }),
      },
      resolve: (_root, { orderBy: order, ...args }, context, info) => {
        const where = filter(args, context.architectures)
        const direction = order?.direction === 'ASC' ? 'asc' : 'desc'
        const asked = { args, context, info }
        if (order == null || order.field === 'number') {
          const of = direction === 'asc' ? 'number asc' : undefined
          return pageOfRows({ ...asked, of }, { ...byNumber(context, where), order: direction })
        }
        const by = { by: order.field, direction } as const
        const of = `${by.by} ${direction}`
        return pageIn({ ...asked, of }, byFigure(asked, where, by))
      },
    },
    TrainingRunConnection,
  ),
)

/** By their number, newest first. */
function byNumber({ runs }: Context, where: Prisma.TrainingRunWhereInput) {
  return {
    key: 'number' as const,
    find: (query: Parameters<RunService['list']>[0]) =>
      runs.list({ ...query, where: { AND: [query.where ?? {}, where] } }),
    count: () => runs.count(where),
  }
}

function byFigure(
  asked: { context: Context; info: GraphQLResolveInfo },
  where: Prisma.TrainingRunWhereInput,
  order: RunOrder,
) {
  const { runs } = asked.context
  const within = ({ after, before, from, to }: Stretch<RunPlace>): Prisma.TrainingRunWhereInput => ({
    AND: [
      where,
      ...(after === undefined ? [] : [beside(order, after, 'behind', false)]),
      ...(from === undefined ? [] : [beside(order, from, 'behind', true)]),
      ...(before === undefined ? [] : [beside(order, before, 'before', false)]),
      ...(to === undefined ? [] : [beside(order, to, 'before', true)]),
    ],
  })
  return {
    keyOf: (run: TrainingRun) => placeOf(run, order),
    isKey: isRunPlace,
    read: async (stretch: Stretch<RunPlace>, backward: boolean, take: number) =>
      runs.list({
        ...(await selectionOf(asked, ['number', order.by])),
        where: within(stretch),
        orderBy: orderBy(order, backward),
        take,
      }),
    has: async (stretch: Stretch<RunPlace>) => (await runs.count(within(stretch))) > 0,
    count: () => runs.count(where),
  }
}

interface Filter {
  status?: readonly RunStatus[] | null
  architecture?: string | null
  search?: string | null
}

function filter(
  { status, architecture, search }: Filter,
  architectures: ArchitectureRegistry,
): Prisma.TrainingRunWhereInput {
  return {
    ...(status == null ? {} : { status: { in: [...status] } }),
    // A name that no network has may not even be text that the database can compare.
    ...(architecture == null
      ? {}
      : { architecture: { in: architectures.find(architecture) ? [architecture] : [] } }),
    ...(search == null ? {} : searched(search)),
  }
}
