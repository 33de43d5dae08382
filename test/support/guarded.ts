import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { type GraphQLResult, type ServerOptions, startServer, type TestServer, toTheEnd } from './server.ts'

const CLI = resolve(import.meta.dirname, '../../dist/cli/main.js')

export interface CliResult {
  code: number
  stdout: string
  stderr: string
}

/** `vggzoo ARGS`, with this environment and no other word of servers or tokens. */
export async function vggzoo(args: string[], env: NodeJS.ProcessEnv): Promise<CliResult> {
  const { VGGZOO_URL, VGGZOO_TOKEN, DATA_DIR, DATABASE_URL, PORT, ...rest } = process.env
  try {
    const done = await promisify(execFile)(process.execPath, [CLI, ...args], { env: { ...rest, ...env } })
    return { code: 0, ...done }
  } catch (error) {
    const { code, stdout, stderr } = error as CliResult
    return { code, stdout, stderr }
  }
}

/** A server with AUTH=tokens, whose first token was made by the command line before it started. */
export interface GuardedServer extends TestServer {
  /** Of `root`, who is an admin. */
  admin: string
  /** An operation with a token over HTTP; null sends none. */
  ask(token: string | null, query: string, variables?: object): Promise<GraphQLResult>
  /** The server as the bearer of a token sees it. */
  as(token: string): TestServer
  /** Makes a token and answers its secret. */
  token(name: string, role: 'VIEWER' | 'OPERATOR' | 'ADMIN', more?: object): Promise<string>
}

export const CREATE_TOKEN = `mutation ($input: CreateTokenInput!) {
  createToken(input: $input) { __typename ... on CreatedToken { secret token { id prefix } } ... on Error { message } }
}`

let shared: Promise<GuardedServer> | undefined

/** The one that the test files of a process have in common; it ends with the process. */
export function guardedServer(): Promise<GuardedServer> {
  // Its tests guess more tokens than anybody may, and receivers of webhooks are on this machine.
  const env = { LIMITS: 'attempts=off', WEBHOOKS_PRIVATE: 'true' }
  shared ??= startGuarded(env, async (options) => toTheEnd(await startServer(options)))
  return shared
}

/** One of its own, which `stopServers` ends. */
export async function startGuarded(
  env: NodeJS.ProcessEnv,
  start: (options: ServerOptions) => Promise<TestServer> = startServer,
): Promise<GuardedServer> {
  let admin = ''
  const server = await start({
    env: { AUTH: 'tokens', LOG_LEVEL: 'trace', ...env },
    async before(dataDir) {
      const { stdout } = await vggzoo(['token', 'create', 'root', '--role', 'admin'], { DATA_DIR: dataDir })
      admin = stdout.trim()
    },
  })
  const ask: GuardedServer['ask'] = async (token, query, variables) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
    })
    return (await response.json()) as GraphQLResult
  }
  return {
    ...server,
    admin,
    ask,
    as(token) {
      const connect: TestServer['connect'] = (options) =>
        server.connect({ connectionParams: { Authorization: `Bearer ${token}` }, ...options })
      const execute: TestServer['execute'] = (query, variables) => ask(token, query, variables)
      return {
        ...server,
        connect,
        execute,
        async query(query, variables) {
          const { data, errors } = await execute(query, variables)
          if (errors !== undefined) throw new Error(errors.map((error) => error.message).join('; '))
          return data
        },
        subscribe: (query, variables) =>
          connect().iterate({ query, variables }) as AsyncIterableIterator<GraphQLResult>,
      }
    },
    async token(name, role, more) {
      const { data } = await ask(admin, CREATE_TOKEN, { input: { name, role, ...more } })
      // Files that share the server need names of their own.
      if (data.createToken.secret === undefined) throw new Error(data.createToken.message)
      return data.createToken.secret
    },
  }
}
