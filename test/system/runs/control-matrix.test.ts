import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunStatus } from '../../../src/runs/model/status.ts'
import { CONTROLS, LIFECYCLE, STATUSES } from '../../../src/runs/model/status.ts'
import { applyControl, journalOf } from '../../support/controls.ts'
import { type Event, isStatus, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const LONG = { epochs: 1000, trainLimit: 256 }

/** As long as this file is there, a trainer does not begin: its run is PREPARING. */
const HOLD = join(tmpdir(), `vggzoo-hold-${process.pid}`)
const hold = () => writeFileSync(HOLD, '')
const release = () => rmSync(HOLD, { force: true })
const preload = `const { existsSync } = process.getBuiltinModule('node:fs')
  if (process.argv[1]?.endsWith('trainer-process.js')) {
    while (existsSync(${JSON.stringify(HOLD)})) await new Promise((resolve) => setTimeout(resolve, 10))
  }`

let server: TestServer
beforeAll(async () => {
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(preload)}`
  server = await startServer({ env: { NODE_OPTIONS, AUTO_RESUME: 'false' } })
})
afterAll(async () => {
  release()
  await stopServers()
})

/** A run that is in a status, and stays there; `others` are those that it needs beside it. */
async function runThatIs(status: RunStatus): Promise<{ id: string; others: string[] }> {
  if (status === 'RUNNING' || status === 'COMPLETED') {
    release()
    const id = await startRun(server, status === 'RUNNING' ? LONG : {})
    await waitForEvent(
      server,
      id,
      status === 'RUNNING' ? (event) => event.__typename === 'LossPoints' : isStatus('COMPLETED'),
    )
    return { id, others: [] }
  }
  hold()
  const others = status === 'QUEUED' ? [await startRun(server, LONG)] : []
  for (const other of others) await waitForEvent(server, other, isStatus('PREPARING'))
  const id = await startRun(server, LONG)
  if (status === 'QUEUED') return { id, others }
  await waitForEvent(server, id, isStatus('PREPARING'))
  if (status === 'PAUSED') await applyControl(server, 'PAUSE', id)
  if (status === 'CANCELLED') await applyControl(server, 'CANCEL', id)
  if (status === 'FAILED') {
    const { trainingRun } = await server.query('query ($id: ID!) { trainingRun(id: $id) { number } }', { id })
    const line = await server.logged((it) => it.msg === 'trainer started' && it.run === trainingRun.number)
    process.kill(line.trainer as number, 'SIGKILL')
    await waitForEvent(server, id, isStatus('FAILED'))
  }
  return { id, others }
}

async function end(ids: string[]): Promise<void> {
  for (const id of ids) await applyControl(server, 'CANCEL', id)
}

describe.each(STATUSES)('a run that is %s', (status) => {
  const allowed = CONTROLS.filter((control) => LIFECYCLE[status][control] !== null)
  const refused = CONTROLS.filter((control) => LIFECYCLE[status][control] === null)

  test.runIf(refused.length > 0)(
    `answers ${refused.join(', ')} with a conflict and stays as it is`,
    async () => {
      const { id, others } = await runThatIs(status)
      const before = await journalOf(server, id)
      for (const control of refused) {
        const answer = await applyControl(server, control, id)
        expect(answer.__typename, control).toBe('ConflictError')
        expect(answer.message).toMatch(new RegExp(`^Run #\\d+ is ${status}; it cannot be `))
      }
      const after = await journalOf(server, id)
      const notPoints = (events: Event[]) => events.filter((event) => event.__typename !== 'LossPoints')
      expect(notPoints(after)).toEqual(notPoints(before))
      await end([id, ...others])
    },
  )

  test.each(allowed)('does what %s asks for, and its journal says at which step', async (control) => {
    const { id, others } = await runThatIs(status)
    const before = (await journalOf(server, id)).length
    const applied = applyControl(server, control, id)
    // What a trainer has to do it cannot do before it trains.
    if (control === 'UPDATE' && status === 'PREPARING') release()
    expect(await applied).toMatchObject({ __typename: 'TrainingRun' })
    const events = (await journalOf(server, id)).slice(before)
    const at = events.findIndex((event) => event.__typename === 'ControlApplied')
    const steps = events
      .slice(0, at)
      .flatMap((event) => event.points ?? [])
      .map(({ step }) => step)
    expect(events[at]).toMatchObject({ control, step: expect.any(Number) })
    if (steps.length > 0) expect(events[at].step).toBe(steps.at(-1))
    const to = LIFECYCLE[status][control]
    if (to !== status && control !== 'UPDATE') expect(events[at + 1]).toMatchObject({ status: to })
    if (control === 'UPDATE' && status === 'COMPLETED') expect(events[at + 1]).toMatchObject({ status: to })
    if (control === 'UPDATE') {
      expect(events[at].change).toEqual({ step: events[at].step, learningRate: 0.001, epochs: 1234 })
    }
    await end([id, ...others])
  })
})

test('runs leave the queue by priority, by the places they were moved to, then by number', async () => {
  hold()
  const blocker = await startRun(server, LONG)
  await waitForEvent(server, blocker, isStatus('PREPARING'))
  const [a, b, c, urgent] = [
    await startRun(server),
    await startRun(server),
    await startRun(server),
    await startRun(server, { priority: 5 }),
  ]
  await applyControl(server, 'MOVE', c, ', position: 2')
  await applyControl(server, 'MOVE', b, ', position: 99')
  const late = await startRun(server)
  const ids = [a, b, c, urgent, late]
  const order: string[] = []
  // Each makes way for the next as soon as it has left the queue.
  const followed = ids.map(async (id) => {
    await waitForEvent(server, id, isStatus('PREPARING'))
    order.push('abcul'[ids.indexOf(id)]!)
    await applyControl(server, 'CANCEL', id)
  })
  await applyControl(server, 'CANCEL', blocker)
  await Promise.all(followed)
  expect(order).toEqual(['u', 'c', 'a', 'b', 'l'])
})
