import { createTurns } from '../../../concurrency/one-at-a-time.ts'
import type { TrainingRun } from '../../../db/generated/client.ts'
import { ConflictError } from '../../../errors.ts'
import type { RunQueue } from '../../../ports/run-queue.ts'
import { findRun } from '../../journal/find-run.ts'
import { type ControlRequest, whyNot } from '../../model/controls.ts'
import { toRun } from '../../model/run.ts'
import { ACTIVE, LIFECYCLE, type RunStatus } from '../../model/status.ts'
import type { Dispatcher } from '../dispatcher.ts'
import type { SupervisedRun } from '../supervision/supervisor.ts'
import { type AtRestOptions, controlAtRest } from './at-rest.ts'
import { checkUpdate } from './check-update.ts'
import { createOncePerKey } from './once.ts'
import { remembered } from './remembered.ts'

export interface ControllerOptions extends AtRestOptions {
  dispatcher: Pick<Dispatcher, 'admit' | 'active' | 'pump'>
  queue: Pick<RunQueue<TrainingRun>, 'wake'>
}

/**
 * Does to a run what a person asks for, and answers when it is done: by the trainer where one is at work, else here.
 *
 * @returns the run as it is then
 * @throws NotFoundError, ValidationError; OverloadedError or TooManyRequestsError where the queue has no room; ConflictError where the run's status does not allow it (LIFECYCLE), or the
 *   key was used for something else
 */
export type Controller = (id: string, request: ControlRequest) => Promise<TrainingRun>

export function createController(options: ControllerOptions): Controller {
  const { prisma, journal, dispatcher, queue } = options
  const oncePerKey = createOncePerKey(prisma)
  const inTurn = createTurns()

  const find = (id: string) => findRun(prisma, id)

  async function control(id: string, request: ControlRequest): Promise<TrainingRun> {
    const { input } = request
    for (;;) {
      const run = await settled(id)
      const to = LIFECYCLE[run.status][input.control]
      if (to === null) throw new ConflictError(whyNot(input.control, run.number, run.status))
      if (input.control === 'UPDATE') checkUpdate(run, input.values)
      const atWork = dispatcher.active(id)
      const isDone = atWork === undefined ? await atRest(run, to, request) : await byTrainer(atWork, request)
      if (isDone) return find(id)
    }
  }

  /** One that is just being started has a supervisor once the dispatcher's present turn is over. */
  async function settled(id: string): Promise<TrainingRun> {
    const run = await find(id)
    if (!ACTIVE.includes(run.status)) return run
    await dispatcher.pump()
    return find(id)
  }

  async function byTrainer(atWork: SupervisedRun, request: ControlRequest): Promise<boolean> {
    const outcome = await atWork.control(request)
    if (outcome.kind === 'refused') throw new ConflictError(outcome.reason)
    return outcome.kind === 'applied'
  }

  /** @returns false when somebody else's change came first, which may allow this one all the same */
  async function atRest(
    { id, status, ownerId }: TrainingRun,
    to: RunStatus,
    request: ControlRequest,
  ): Promise<boolean> {
    // Read again in its turn: what is written depends on what others wrote meanwhile.
    const apply = async () => {
      const now = await find(id)
      if (now.status !== status) return false
      const leave = journal.partOf(id, request.traceparent)
      return controlAtRest(toRun(now), to, request, options).finally(() => void leave())
    }
    // What takes a run up again needs a place in the queue as a new one does.
    const isQueued = to === 'QUEUED' && status !== 'QUEUED'
    const isApplied = await inTurn(() => (isQueued ? dispatcher.admit(ownerId, apply) : apply()))
    if (isApplied) {
      queue.wake()
      return true
    }
    // Perhaps it was the same. Of updates none is another one's.
    const isSame = request.input.control !== 'UPDATE' && to !== status && (await find(id)).status === to
    if (isSame) await journal.progress(id, remembered([request]))
    return isSame
  }

  return (id, request) =>
    oncePerKey(
      id,
      request,
      () => control(id, request),
      () => find(id),
    )
}
