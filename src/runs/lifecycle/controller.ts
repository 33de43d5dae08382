import { isDeepStrictEqual } from 'node:util'
import { createTurns } from '../../concurrency/one-at-a-time.ts'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ConflictError, ValidationError } from '../../errors.ts'
import { isKey, KEY } from '../../label.ts'
import { makingRoom } from '../../storage/room.ts'
import { tooFewEpochs } from '../../trainer/requests.ts'
import type { Journal, RunPatch } from '../journal/journal.ts'
import { type Change, latestHyperparameters, whyNotChange, withChange } from '../model/changes.ts'
import { type ControlInput, type ControlRequest, whyNot } from '../model/controls.ts'
import { hyperparametersOf } from '../model/hyperparameters.ts'
import { rateChangeAt } from '../model/learning-rate.ts'
import { ACTIVE, LIFECYCLE, type RunStatus } from '../model/status.ts'
import type { Checkpoints } from './checkpoints.ts'
import { findRun } from './find-run.ts'
import { QUEUE_ORDER, type RunQueue } from './queue.ts'
import { remembered } from './remembered.ts'

export interface ControllerOptions {
  prisma: PrismaClient
  journal: Journal
  queue: RunQueue
  checkpoints: Checkpoints
}

/**
 * Does to a run what a person asks for, and answers when it is done: by the trainer where one is at work, else here.
 *
 * @returns the run as it is then
 * @throws NotFoundError, ValidationError; OverloadedError where the queue has no room; ConflictError where the run's status does not allow it (LIFECYCLE), or the
 *   key was used for something else
 */
export type Controller = (id: string, request: ControlRequest) => Promise<TrainingRun>

export function createController({ prisma, journal, queue, checkpoints }: ControllerOptions): Controller {
  /** Requests under way that have a key: a second one with the same waits for what the first comes to. */
  const underWay = new Map<string, Promise<unknown>>()
  const inTurn = createTurns()

  const find = (id: string) => findRun(prisma, id)

  async function once(id: string, request: ControlRequest): Promise<TrainingRun> {
    const { key, input } = request
    if (key === undefined) return control(id, request)
    if (!isKey(key)) {
      throw new ValidationError([{ path: ['idempotencyKey'], message: `A key has ${KEY}` }])
    }
    const place = JSON.stringify([id, key])
    while (underWay.has(place)) await underWay.get(place)?.catch(() => {})
    const done = (async () => {
      const known = await prisma.controlRequest.findUnique({ where: { runId_key: { runId: id, key } } })
      if (known === null) return control(id, request)
      if (isDeepStrictEqual(known.request, JSON.parse(JSON.stringify(input)))) return find(id)
      throw new ConflictError(`The idempotency key "${key}" was used for something else on this run.`)
    })()
    underWay.set(place, done)
    try {
      return await done
    } finally {
      underWay.delete(place)
    }
  }

  async function control(id: string, request: ControlRequest): Promise<TrainingRun> {
    const { input } = request
    for (;;) {
      let run = await find(id)
      // One that is just being started has a supervisor once the queue's present turn is over.
      if (ACTIVE.includes(run.status)) {
        await queue.pump()
        run = await find(id)
      }
      const to = LIFECYCLE[run.status][input.control]
      if (to === null) throw new ConflictError(whyNot(input.control, run.number, run.status))
      if (input.control === 'UPDATE') checkUpdate(run, input.values)
      const atWork = queue.active(id)
      if (atWork === undefined) {
        const { status } = run
        // Read again in its turn: what is written depends on what others wrote meanwhile.
        const apply = async () => {
          const now = await find(id)
          return now.status === status && applyHere(now, to, request)
        }
        // What takes a run up again needs a place in the queue as a new one does.
        const isQueued = to === 'QUEUED' && status !== 'QUEUED'
        const applied = await inTurn(() => (isQueued ? queue.admit(apply) : apply()))
        if (applied) {
          queue.wake()
          return find(id)
        }
        // Somebody else's change came first; perhaps it was the same. Of updates none is another one's.
        const after = await find(id)
        if (input.control !== 'UPDATE' && to !== status && after.status === to) {
          await journal.progress(id, remembered([request]))
          return after
        }
        continue
      }
      const outcome = await atWork.control(request)
      if (outcome.kind === 'applied') return find(id)
      if (outcome.kind === 'refused') throw new ConflictError(outcome.reason)
    }
  }

  /** For a run that no trainer works for. False when it has gone elsewhere meanwhile. */
  async function applyHere(run: TrainingRun, to: RunStatus, request: ControlRequest): Promise<boolean> {
    const { input } = request
    if (input.control === 'MOVE') return move(run, input, request)
    if (input.control === 'UPDATE') checkUpdate(run, input.values)
    const newest = await checkpoints.newest(run.id)
    if (run.status === 'COMPLETED' && newest === null) {
      throw new ConflictError(
        `Run #${run.number} was trained when checkpoints held weights only, and cannot go on. Fork it: start one with initialWeights.`,
      )
    }
    const place = { step: newest?.step ?? 0, epoch: newest?.epoch ?? 0 }
    const patch: RunPatch = remembered([request])
    if (input.control === 'UPDATE') {
      const change: Change = { step: place.step, ...input.values }
      const known = run.changes as unknown as Change[]
      const reason = whyNotChange(known, change)
      if (reason !== null) throw new ConflictError(reason)
      const changes = withChange(known, change)
      const { epochs } = latestHyperparameters(hyperparametersOf(run), changes)
      const rates = rateChangeAt(hyperparametersOf(run), changes, place.step, run.steps / run.epochs)
      Object.assign(patch, {
        changes: changes as unknown as object[],
        epochs,
        // Epochs are of one length; 0 until the data set is known.
        steps: (run.steps / run.epochs) * epochs,
      } satisfies RunPatch)
      const applied = { kind: 'CONTROL_APPLIED', control: 'UPDATE', step: place.step } as const
      const body = { ...applied, change: { ...change, ...rates } }
      // One whose supervisor could not record its end is still called at work.
      if (to === run.status || ACTIVE.includes(run.status)) {
        return journal.appendIn(run.status, run.id, [body], patch)
      }
      return journal.transition(run.id, to, {
        from: [run.status],
        before: [body],
        step: place.step,
        patch: { ...patch, ...place, finishedAt: null },
      })
    }
    const { control } = input
    // A run that was cancelled while nobody worked for it was where its row says.
    const step = control === 'RESUME' ? place.step : run.step
    const moved = {
      PAUSE: {},
      CANCEL: { finishedAt: new Date(), secondsRemaining: null },
      RESUME: { ...place, finishedAt: null, restarts: 0 },
    }[control]
    const write = () =>
      journal.transition(run.id, to, {
        from: [run.status],
        before: [{ kind: 'CONTROL_APPLIED', control, step }],
        step,
        patch: { ...patch, ...moved },
      })
    const done = await (control === 'CANCEL' ? makingRoom(write) : write())
    // It is cancelled, whatever becomes of this: the next start does what is left.
    if (done && control === 'CANCEL') await checkpoints.giveUp(run.id).catch(() => {})
    return done
  }

  async function move(
    run: TrainingRun,
    { position, priority }: Extract<ControlInput, { control: 'MOVE' }>,
    request: ControlRequest,
  ): Promise<boolean> {
    const others = await prisma.trainingRun.findMany({
      where: { status: 'QUEUED', id: { not: run.id } },
      orderBy: [...QUEUE_ORDER],
      select: { id: true, priority: true },
    })
    const moved: RunPatch = { priority, place: 0 }
    if (position !== undefined) {
      const at = Math.min(position - 1, others.length)
      // Beside its new neighbours it has the priority of the one that it comes ahead of, or behind.
      const neighbour = others[at] ?? others[at - 1]
      moved.priority = neighbour?.priority ?? run.priority
      const order = others.toSpliced(at, 0, { id: run.id, priority: run.priority })
      const place = (index: number) => index - order.length
      moved.place = place(at)
      await prisma.$transaction(
        order.flatMap(({ id }, index) =>
          id === run.id
            ? []
            : [
                prisma.trainingRun.updateMany({
                  where: { id, status: 'QUEUED' },
                  data: { place: place(index) },
                }),
              ],
        ),
      )
    }
    return journal.appendIn(
      'QUEUED',
      run.id,
      [{ kind: 'CONTROL_APPLIED', control: 'MOVE', step: run.step }],
      {
        ...moved,
        ...remembered([request]),
      },
    )
  }

  return once
}

/** What the run's status alone forbids; its trainer knows better how far it is. */
function checkUpdate(run: TrainingRun, { epochs }: { epochs?: number }): void {
  if (run.status === 'COMPLETED' && (epochs === undefined || epochs <= run.epochs)) {
    throw new ConflictError(
      `Run #${run.number} is COMPLETED after ${run.epoch} epochs; to go on it needs more epochs than ${run.epochs}.`,
    )
  }
  if (epochs !== undefined && epochs <= run.epoch) throw new ConflictError(tooFewEpochs(epochs, run.epoch))
}
