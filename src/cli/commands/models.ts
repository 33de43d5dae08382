import { graphql } from '../../client/graphql.ts'
import { type Command, Failure, type Invocation } from '../command.ts'
import { bytes, percent, table } from '../text.ts'

const LISTED = graphql(`
  fragment ListedVersion on ModelVersion {
    id
    version
    accuracy
    bytes
    digest
    origin
    createdAt
    architecture { name }
    run { number }
    aliases { name }
  }
`)
const MODELS = graphql(
  `
    query ListModels($first: Int!) {
      models(first: $first) {
        totalCount
        edges { node { id name versions(first: 1) { totalCount edges { node { ...ListedVersion } } } } }
      }
    }
  `,
  [LISTED],
)
const VERSIONS = graphql(
  `
    query ListVersions($name: String!, $first: Int!) {
      model(name: $name) {
        name
        versions(first: $first) { totalCount edges { node { ...ListedVersion } } }
      }
    }
  `,
  [LISTED],
)

export const models: Command = {
  name: 'models',
  takes: '[NAME]',
  summary: 'lists models with their newest versions, or the versions of one',
  options: { limit: { value: 'N', help: 'only the newest N, at most 100 (20)' } },
  count: { least: 0, most: 1 },
  async run(invocation) {
    const [name] = invocation.positionals
    return name === undefined ? listModels(invocation) : listVersions(invocation, name)
  },
}

async function listModels({ client, screen, json, whole }: Invocation): Promise<number> {
  const { models: page } = await client.query(MODELS, { first: whole('limit') ?? 20 })
  const found = page.edges.map(({ node: { id, name, versions } }) => ({
    id,
    name,
    versions: versions.totalCount,
    newest: versions.edges[0]?.node ?? null,
  }))
  if (json) screen.print(JSON.stringify(found, null, 2))
  else if (found.length === 0) screen.print('There is no model yet: a run that is COMPLETED makes one.')
  else {
    const rows = found.map(({ name, versions, newest }) => [
      name,
      versions,
      newest?.architecture.name ?? '-',
      percent(newest?.accuracy ?? null),
      newest?.aliases.map((alias) => alias.name).join(', ') ?? '',
    ])
    for (const line of table(['MODEL', 'VERSIONS', 'NETWORK', 'ACCURACY', 'ALIASES'], rows))
      screen.print(line)
  }
  return 0
}

async function listVersions({ client, screen, json, whole }: Invocation, name: string): Promise<number> {
  const { model } = await client.query(VERSIONS, { name, first: whole('limit') ?? 20 })
  if (model === null)
    throw new Failure(`There is no model "${name}". vggzoo models lists those that there are.`)
  const found = model.versions.edges.map(({ node }) => node)
  if (json) screen.print(JSON.stringify(found, null, 2))
  else {
    const rows = found.map(({ version, architecture, accuracy, bytes: size, origin, run, aliases }) => [
      version,
      architecture.name,
      percent(accuracy),
      bytes(size),
      run === null ? origin : `run #${run.number}`,
      aliases.map((alias) => alias.name).join(', '),
    ])
    for (const line of table(['VERSION', 'NETWORK', 'ACCURACY', 'SIZE', 'FROM', 'ALIASES'], rows)) {
      screen.print(line)
    }
  }
  return 0
}
