import { graphql, type VariablesOf } from '../../client/graphql.ts'
import { type Command, UsageError } from '../command.ts'
import { percent, table } from '../text.ts'

const RUNS = graphql(`
  query ListRuns($first: Int!, $status: [RunStatus!], $architecture: String) {
    trainingRuns(first: $first, status: $status, architecture: $architecture) {
      totalCount
      edges {
        node {
          id
          number
          name
          status
          architecture { name }
          createdAt
          progress { step steps epoch epochs secondsRemaining }
          epochs { testAccuracy testLoss }
        }
      }
    }
  }
`)
type Status = NonNullable<NonNullable<VariablesOf<typeof RUNS>['status']>[number]>

const STATUSES: Record<Status, true> = {
  QUEUED: true,
  PREPARING: true,
  RUNNING: true,
  PAUSED: true,
  COMPLETED: true,
  CANCELLED: true,
  FAILED: true,
}

export const runs: Command = {
  name: 'runs',
  takes: '',
  summary: 'lists training runs, newest first',
  options: {
    status: { value: 'STATUS', help: `only these: ${Object.keys(STATUSES).join(', ')}`, multiple: true },
    architecture: { value: 'NAME', help: 'only runs of this network' },
    limit: { value: 'N', help: 'only the newest N, at most 100 (20)' },
  },
  count: { least: 0, most: 0 },
  async run({ client, screen, json, list, text, whole }) {
    const status = list('status').map((given) => {
      const name = given.toUpperCase()
      if (!Object.hasOwn(STATUSES, name)) {
        throw new UsageError(`--status must be one of ${Object.keys(STATUSES).join(', ')}, not "${given}".`)
      }
      return name as Status
    })
    const { trainingRuns } = await client.query(RUNS, {
      first: whole('limit') ?? 20,
      status: status.length === 0 ? null : status,
      architecture: text('architecture'),
    })
    const found = trainingRuns.edges.map(({ node }) => node)
    if (json) {
      screen.print(JSON.stringify(found, null, 2))
      return 0
    }
    if (found.length === 0) {
      screen.print('There is no such run. vggzoo start vgg_mini starts one.')
      return 0
    }
    const rows = found.map(({ number, status: state, name, architecture, progress, epochs }) => [
      number,
      state,
      name,
      architecture.name,
      `${progress.epoch}/${progress.epochs}`,
      percent(epochs.at(-1)?.testAccuracy ?? null),
    ])
    for (const line of table(['#', 'STATUS', 'NAME', 'NETWORK', 'EPOCHS', 'ACCURACY'], rows))
      screen.print(line)
    const more = trainingRuns.totalCount - found.length
    if (more > 0) screen.print(`and ${more} more: --limit ${Math.min(100, trainingRuns.totalCount)}`)
    return 0
  },
}
