import { flatMap, newestOfEach } from '../concurrency/iterate.ts'
import { createSharedReads } from '../concurrency/shared-reads.ts'
import type { Model, PrismaClient } from '../db/generated/client.ts'
import type { OpenBus } from '../ports/bus.ts'

/** Tells of models whose versions, evaluations or aliases are others than before. */
export interface ChangedModels {
  /** When that is committed. */
  publish(modelId: string): void
  /** Calls the listener with the model's id at each change, as long as the server lives. */
  listen(listener: (modelId: string) => void): void
  /** Models that change from now on, each as it is when the subscriber takes it. */
  follow(): AsyncIterableIterator<Model>
  /** Of those who follow. */
  readonly listenerCount: number
}

const EVERY_MODEL = 'models'

export function createChangedModels(prisma: PrismaClient, openBus: OpenBus): ChangedModels {
  const changed = openBus<string>('changed models')
  let standing = 0
  const reads = createSharedReads()
  return {
    publish: (modelId) => changed.publish(EVERY_MODEL, modelId),
    listen(listener) {
      changed.subscribe(EVERY_MODEL, listener)
      standing += 1
    },
    follow: () =>
      flatMap(
        newestOfEach((listener) =>
          changed.subscribe(EVERY_MODEL, (id) => {
            reads.renew(id)
            listener(id)
          }),
        ),
        ({ id }) => reads.read(id, '', () => prisma.model.findMany({ where: { id } })),
      ),
    get listenerCount() {
      return changed.listenerCount - standing
    },
  }
}
