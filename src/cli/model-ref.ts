import type { Client } from '../client/client.ts'
import { graphql, type ResultOf } from '../client/graphql.ts'
import { Failure } from './command.ts'

const VERSION = graphql(`
  fragment VersionOfModel on ModelVersion {
    id
    version
    digest
    bytes
    downloads { safetensors { url } layersModel { url } }
  }
`)
const MODEL = graphql(
  `
    query ModelByName($name: String!, $after: String) {
      model(name: $name) {
        aliases { name version { ...VersionOfModel } }
        versions(first: 100, after: $after) {
          edges { cursor node { ...VersionOfModel } }
          pageInfo { hasNextPage }
        }
      }
    }
  `,
  [VERSION],
)

export type NamedVersion = ResultOf<typeof VERSION>

/** NAME (the newest version), NAME@ALIAS or NAME/VERSION. @throws Failure when there is none */
export async function versionOf(client: Client, ref: string): Promise<NamedVersion> {
  const [, name, kind, which] = /^(.*?)(?:([@/])([^@/]+))?$/s.exec(ref)!
  for (let after: string | undefined; ; ) {
    const { model } = await client.query(MODEL, { name: name!, after })
    if (model === null)
      throw new Failure(`There is no model "${name}". vggzoo models lists those that there are.`)
    const { edges, pageInfo } = model.versions
    const found =
      kind === '@'
        ? model.aliases.find((alias) => alias.name === which)?.version
        : edges.find(({ node }) => kind === undefined || String(node.version) === which)?.node
    if (found !== undefined) return found
    if (kind === '@' || !pageInfo.hasNextPage) {
      const missing = kind === '@' ? `alias "${which}"` : `version ${which ?? ''}`
      throw new Failure(`The model "${name}" has no ${missing}. vggzoo models ${name} lists what it has.`)
    }
    after = edges.at(-1)?.cursor
  }
}
