import { type Command, Failure, type Invocation, UsageError } from '../command.ts'
import { table } from '../text.ts'
import { type NewToken, type Token, type TokenBook, withTokens } from '../tokens.ts'

const ROLES = ['VIEWER', 'OPERATOR', 'ADMIN'] as const

const ACTIONS: Readonly<Record<string, (invocation: Invocation, args: string[]) => Promise<number>>> = {
  create,
  list,
  revoke,
}

export const token: Command = {
  name: 'token',
  takes: 'ACTION ...',
  summary: 'makes, lists and revokes tokens, which people and programs are known by',
  more: [
    'ACTION is one of:',
    '  create NAME --role ROLE',
    '  list',
    '  revoke NAME',
    'create prints the token once; it is kept nowhere. revoke takes a name, or what the token begins with (vgz_...); of somebody who signed in with OpenID Connect, what list shows (vgs_...).',
    "Where a server is named by --url, VGGZOO_URL or VGGZOO_TOKEN, it is done there, for an admin's VGGZOO_TOKEN; else in the data folder (DATA_DIR, DATABASE_URL) of a server that does not run: so the first token is made.",
  ].join('\n'),
  options: {
    role: { value: 'ROLE', help: 'viewer, operator or admin' },
    owner: { value: 'NAME', help: 'whom it speaks for (its name): of a second token of a person the same' },
    expires: { value: 'TIME', help: 'after so long: 30d, 12h or 90m (never)' },
  },
  count: { least: 1, most: 2 },
  async run(invocation) {
    const [name, ...args] = invocation.positionals as [string, ...string[]]
    if (!Object.hasOwn(ACTIONS, name)) {
      throw new UsageError(`ACTION must be one of ${Object.keys(ACTIONS).join(', ')}, not "${name}".`)
    }
    if (args.length !== (name === 'list' ? 0 : 1)) {
      throw new UsageError(`vggzoo token ${name} takes ${name === 'list' ? 'no arguments' : 'NAME'}.`)
    }
    return ACTIONS[name]!(invocation, args)
  },
}

async function create(invocation: Invocation, [name]: string[]): Promise<number> {
  const { screen, json } = invocation
  const asked = newToken(invocation, name!)
  const { token: made, secret } = await withTokens(invocation, true, (tokens) => tokens.create(asked))
  if (json) screen.print(JSON.stringify({ ...made, secret }))
  // Alone on its line, for whoever catches it: TOKEN=$(vggzoo token create ...).
  else screen.print(secret)
  return 0
}

function newToken({ text }: Invocation, name: string): NewToken {
  const role = ROLES.find((it) => it === text('role')?.toUpperCase())
  if (role === undefined) throw new UsageError('--role must be viewer, operator or admin.')
  const expiresAt = expiryOf(text('expires'))
  return { name, role, owner: text('owner'), ...(expiresAt !== undefined && { expiresAt }) }
}

const UNITS = { d: 24 * 60 * 60, h: 60 * 60, m: 60 } as const

function expiryOf(given: string | undefined): string | undefined {
  if (given === undefined) return undefined
  const [, count, unit] = /^([1-9]\d{0,5})([dhm])$/.exec(given) ?? []
  if (unit === undefined) throw new UsageError(`--expires must be such as 30d, 12h or 90m, not "${given}".`)
  return new Date(Date.now() + Number(count) * UNITS[unit as keyof typeof UNITS] * 1000).toISOString()
}

async function list(invocation: Invocation): Promise<number> {
  const { screen, json } = invocation
  const found = await withTokens(invocation, false, (tokens) => tokens.list())
  if (json) {
    screen.print(JSON.stringify(found, null, 2))
    return 0
  }
  const rows = found.map((it) => [
    it.name,
    it.role,
    it.owner,
    it.prefix,
    stateOf(it),
    it.lastUsedAt?.slice(0, 16).replace('T', ' ') ?? 'never',
  ])
  for (const line of table(['NAME', 'ROLE', 'OWNER', 'BEGINS', 'STATE', 'LAST USED (UTC)'], rows)) {
    screen.print(line)
  }
  return 0
}

function stateOf({ revokedAt, expiresAt }: Token): string {
  if (revokedAt !== null) return 'revoked'
  if (expiresAt === null) return 'valid'
  return Date.parse(expiresAt) <= Date.now() ? 'expired' : `until ${expiresAt.slice(0, 10)}`
}

async function revoke(invocation: Invocation, [ref]: string[]): Promise<number> {
  const { screen, json } = invocation
  const revoked = await withTokens(invocation, false, async (tokens) =>
    tokens.revoke((await find(tokens, ref!)).id),
  )
  screen.print(json ? JSON.stringify(revoked) : `${revoked.name} (${revoked.prefix}) is revoked.`)
  return 0
}

/** Of tokens that had the same name one after the other, the newest. People with a provider have the names that it tells: theirs end no token. */
async function find(tokens: TokenBook, ref: string): Promise<Token> {
  const found = (await tokens.list()).find(
    ({ kind, name, prefix }) => prefix === ref || (kind === 'TOKEN' && name === ref),
  )
  if (found === undefined)
    throw new Failure(`There is no token "${ref}". vggzoo token list lists those that there are.`)
  return found
}
