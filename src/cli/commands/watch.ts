import { type Command, Failure, INTERRUPTED, type Invocation } from '../command.ts'
import { runIdOf } from '../run-ref.ts'
import { shortcoming, watchRun } from '../watching.ts'

export const watch: Command = {
  name: 'watch',
  takes: 'RUN',
  summary: 'shows a run and its loss until it has ended',
  more: 'Ctrl-C leaves the run, which goes on. With --json, each event of the run is a line.',
  options: { after: { value: 'CURSOR', help: 'with --json: only what comes behind this event' } },
  count: { least: 1, most: 1 },
  async run(invocation) {
    const [ref] = invocation.positionals
    return watchToEnd(invocation, await runIdOf(invocation.client, ref!), ref!)
  },
}

/** Shows a run until it has ended, or Ctrl-C leaves it. @returns the exit code: 0 for a run that is COMPLETED */
export async function watchToEnd(invocation: Invocation, id: string, ref: string): Promise<number> {
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  process.once('SIGINT', leave)
  try {
    const ended = await (invocation.json ? printEvents : drawRun)(invocation, id, leaving.signal)
    if (ended !== null) return ended
    process.stderr.write(`Left run ${ref}, which goes on. vggzoo watch ${ref} shows it again.\n`)
    return INTERRUPTED
  } finally {
    process.off('SIGINT', leave)
  }
}

type Shown = (invocation: Invocation, id: string, signal: AbortSignal) => Promise<number | null>

const drawRun: Shown = async ({ client, screen }, id, signal) => {
  const run = await watchRun(client, screen, id, signal)
  if (run === null) return null
  const problem = shortcoming(run)
  if (problem !== null) throw new Failure(problem)
  screen.print()
  const { accuracy, count } = run.evaluation!
  screen.print(
    `Accuracy on ${count.toLocaleString('en')} test images: ${accuracy === null ? 'not finite' : `${(100 * accuracy).toFixed(1)} %`}`,
  )
  return 0
}

const printEvents: Shown = async ({ client, screen, text }, id, signal) => {
  let status: string | undefined
  try {
    for await (const event of client.follow(id, { after: text('after'), signal })) {
      screen.print(JSON.stringify(event))
      if (event.__typename === 'StatusChanged') status = event.status
    }
  } catch (error) {
    if (signal.aborted) return null
    throw error
  }
  // Behind the last event there is nothing to be unhappy about.
  return status === undefined || status === 'COMPLETED' ? 0 : 1
}
