import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { type Command, Failure, type Invocation } from '../command.ts'
import { interruptible } from '../interrupt.ts'
import { ask } from '../server-work.ts'
import { bytes } from '../text.ts'

type Finding = Parameters<Parameters<typeof import('../../own-data.ts').checkOwnData>[1]>[0]
type Checked = NonNullable<Awaited<ReturnType<typeof import('../../own-data.ts').checkOwnData>>>

export const check: Command = {
  name: 'check',
  takes: '',
  summary: 'compares database and files with each other, and all with their digests',
  more: 'Of the server that --url, VGGZOO_URL or VGGZOO_TOKEN name, which works on meanwhile; without these, of the data folder (DATA_DIR, DATABASE_URL) if no server has it, else of that server. Each finding is a line, and with any the exit code is 1.',
  options: {},
  count: { least: 0, most: 0 },
  async run(invocation) {
    const { screen, json } = invocation
    const findings: Finding[] = []
    const found = (finding: Finding) => {
      findings.push(finding)
      if (!json) screen.print(`${finding.kind} ${finding.what}: ${finding.problem}`)
    }
    const { files, bytes: size } = await interruptible((signal) => checked(invocation, found, signal))
    if (json) screen.print(JSON.stringify({ findings, files, bytes: size }, null, 2))
    else {
      const came = findings.length === 0 ? 'all is well' : `${findings.length} findings`
      screen.print(`The database, and ${files} files, ${bytes(size)}, read through: ${came}.`)
    }
    return findings.length === 0 ? 0 : 1
  },
}

async function checked(
  { client, isNamed }: Invocation,
  found: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<Checked> {
  if (!isNamed) {
    const { checkOwnData } = await import('../../own-data.ts')
    const own = await checkOwnData(process.env, found, signal)
    if (own !== null) return own
  }
  return checkedByServer(client, found, signal)
}

async function checkedByServer(
  client: Invocation['client'],
  found: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<Checked> {
  const { body } = await ask(client, '/check', signal)
  const lines = createInterface({ input: Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]) })
  for await (const line of lines) {
    const said = JSON.parse(line) as Finding | { checked: Checked }
    if ('checked' in said) return said.checked
    found(said)
  }
  throw new Failure('The server ended before it had checked all. Its log may say why.')
}
