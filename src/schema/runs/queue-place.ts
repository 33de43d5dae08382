import type { QueuePlace } from '../../runs/planning/queue-place.ts'
import { builder } from '../builder/builder.ts'
import { TrainingRunRef } from './training-run.ts'

const QueuePlaceRef = builder.objectRef<QueuePlace>('QueuePlace').implement({
  description: 'Place of a run in the queue.',
  fields: (t) => ({
    position: t.exposeInt('position', { description: 'Position in the queue: 1 is the next to leave it.' }),
    ahead: t.exposeInt('ahead', {
      description: 'Number of runs at work, and of those that leave the queue before it.',
    }),
    secondsUntilStart: t.exposeFloat('secondsUntilStart', {
      nullable: true,
      description:
        'Estimated seconds until it starts: if the runs ahead are trained to their last epoch, at the pace of earlier epochs on this engine. The seconds that trainers take to start are not in it. Null when no earlier run tells how long one of them will take.',
    }),
  }),
})

builder.objectField(TrainingRunRef, 'queue', (t) =>
  t.field({
    type: QueuePlaceRef,
    nullable: true,
    description: 'Its place in the queue; null unless it is QUEUED.',
    resolve: ({ id, status }, _args, { queuePlaces }) => (status === 'QUEUED' ? queuePlaces.of(id) : null),
  }),
)
