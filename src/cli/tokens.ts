import type { Client } from '../client/client.ts'
import { OperationError } from '../client/errors.ts'
import { graphql, type ResultOf, type VariablesOf } from '../client/graphql.ts'
import { expectOf } from './answers.ts'
import { Failure } from './command.ts'

const TOKEN = graphql(`
  fragment CliToken on AccessToken {
    id
    kind
    name
    role
    owner
    prefix
    createdAt
    expiresAt
    lastUsedAt
    revokedAt
  }
`)
const CREATE = graphql(
  `
    mutation CliCreateToken($input: CreateTokenInput!) {
      createToken(input: $input) {
        __typename
        ... on CreatedToken { secret token { ...CliToken } }
        ... on ValidationError { issues { path message } }
        ... on Error { message }
      }
    }
  `,
  [TOKEN],
)
const LIST = graphql(
  `
    query CliTokens($after: String) {
      tokens(first: 100, after: $after) {
        edges { cursor node { ...CliToken } }
        pageInfo { hasNextPage }
      }
    }
  `,
  [TOKEN],
)
const REVOKE = graphql(
  `
    mutation CliRevokeToken($id: ID!) {
      revokeToken(id: $id) { __typename ...CliToken ... on Error { message } }
    }
  `,
  [TOKEN],
)

export type Token = ResultOf<typeof TOKEN>
export type NewToken = Omit<VariablesOf<typeof CREATE>['input'], 'expiresAt'> & { expiresAt?: string }

/** Tokens, wherever they are. */
export interface TokenBook {
  create(token: NewToken): Promise<{ token: Token; secret: string }>
  /** The newest first. */
  list(): Promise<Token[]>
  revoke(id: string): Promise<Token>
}

/** Those of a running server, for an admin. */
export function tokensOf(client: Client): TokenBook {
  return {
    async create(input) {
      const { createToken } = await client.mutate(CREATE, { input })
      const { token, secret } = expectOf(createToken, 'CreatedToken')
      return { token, secret }
    },
    async list() {
      const found: Token[] = []
      for (let after: string | undefined; ; ) {
        const { edges, pageInfo } = (await client.query(LIST, { after })).tokens
        found.push(...edges.map(({ node }) => node))
        if (!pageInfo.hasNextPage) return found
        after = edges.at(-1)!.cursor
      }
    },
    async revoke(id) {
      const { revokeToken } = await client.mutate(REVOKE, { id })
      return expectOf(revokeToken, 'AccessToken')
    },
  }
}

type OwnTokens = Parameters<Parameters<typeof import('../own-tokens.ts').withOwnTokens>[2]>[0]
type Row = Awaited<ReturnType<OwnTokens['revoke']>>

/** Those of the database of a server that does not run. */
function ownTokens(tokens: OwnTokens): TokenBook {
  return {
    async create({ name, role, owner, expiresAt }) {
      const made = await tokens.create({
        name,
        role,
        ownerId: owner ?? undefined,
        expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
      })
      return { token: toToken(made.token), secret: made.secret }
    },
    list: async () => (await tokens.list({ orderBy: { seq: 'desc' } })).map(toToken),
    revoke: async (id) => toToken(await tokens.revoke(id)),
  }
}

function toToken({ id, kind, name, role, ownerId: owner, prefix, ...row }: Row): Token {
  const at = (date: Date | null) => date?.toISOString() ?? null
  const { createdAt, expiresAt, lastUsedAt, revokedAt } = row
  return {
    id,
    kind,
    name,
    role,
    owner,
    prefix,
    createdAt: createdAt.toISOString(),
    expiresAt: at(expiresAt),
    lastUsedAt: at(lastUsedAt),
    revokedAt: at(revokedAt),
  }
}

/**
 * Works on the tokens of the server that is meant, where one is named by `--url`, VGGZOO_URL or VGGZOO_TOKEN; else on
 * those of the data folder, and where a server has that, on the server's.
 * @param mayMake  whether a data folder is made where there is none
 */
export async function withTokens<Result>(
  { client, isNamed }: { client: Client; isNamed: boolean },
  mayMake: boolean,
  work: (tokens: TokenBook) => Promise<Result>,
): Promise<Result> {
  if (isNamed) return work(tokensOf(client))
  const { withOwnTokens } = await import('../own-tokens.ts')
  // What is done there may be nothing; that nobody could do it is null.
  const done = await withOwnTokens(process.env, mayMake, async (tokens) => ({
    answer: await work(ownTokens(tokens)),
  }))
  if (done !== null) return done.answer
  try {
    return await work(tokensOf(client))
  } catch (error) {
    if (!(error instanceof OperationError && error.code === 'UNAUTHENTICATED')) throw error
    throw new Failure(
      "A server is running on the data folder: set VGGZOO_TOKEN to an admin's token, or stop the server and do this again.",
    )
  }
}
