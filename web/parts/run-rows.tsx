import type { ComponentChildren } from 'preact'
import { duration, moment, percent } from '../format.ts'
import { cardOf, type RunCard } from '../live/runs-changed.ts'
import { Status } from './status.tsx'

interface Props {
  runs: readonly RunCard[]
  /** What can be done with a run, beside its name, and what that column is called. */
  tools?: { title: string; of: (run: RunCard) => ComponentChildren }
}

/** Runs, a line each, as they are now. */
export function RunRows({ runs, tools }: Props) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Run</th>
            {tools !== undefined && <th scope="col">{tools.title}</th>}
            <th scope="col">Network</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">
              Progress
            </th>
            <th scope="col" class="number">
              Started
            </th>
            <th scope="col" class="number">
              Time
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <Row key={run.id} run={run} tools={tools} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Row({ run, tools }: { run: RunCard; tools: Props['tools'] }) {
  const { number, name, architecture, status, progress, queue, startedAt, finishedAt } = cardOf(run).value
  return (
    <tr>
      <th scope="row" class="run-name">
        <a href={`/runs/${number}`}>
          #{number} {name}
        </a>
      </th>
      {tools !== undefined && <td>{tools.of(run)}</td>}
      <td>{architecture.name}</td>
      <td>
        <Status status={status} />
      </td>
      <td class="number">{progress.steps === 0 ? '–' : percent(progress.step / progress.steps, 0)}</td>
      <td class="number">{moment(startedAt)}</td>
      <td class="number">
        {finishedAt !== null && startedAt !== null
          ? duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)
          : queue?.secondsUntilStart != null
            ? `starts in ${duration(queue.secondsUntilStart)}`
            : progress.secondsRemaining === null
              ? '–'
              : `${duration(progress.secondsRemaining)} left`}
      </td>
    </tr>
  )
}
