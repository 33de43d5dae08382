import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface DemoServer {
  url: string
  /** Whether the demo started it, and will end it. */
  own: boolean
  /** Rejects when a server of our own ends before it is told to. */
  failed: Promise<never>
  /** Ends a server of our own, and waits until it is gone. */
  stop(): Promise<void>
}

/** The server that a person names, or the one on the usual port; when none answers there, one of our own. */
export async function findOrStartServer(named?: string): Promise<DemoServer> {
  const url = (named ?? `http://localhost:${process.env.PORT || '4000'}`).replace(/\/+$/, '')
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
    throw new Error(`The URL of the server must be like http://localhost:4000, not "${url}".`)
  }
  if (await answers(url)) return { url, own: false, failed: new Promise(() => {}), async stop() {} }
  if (named !== undefined) throw new Error(`No vggzoo answers at ${url}.`)
  return startServer()
}

async function answers(url: string): Promise<boolean> {
  try {
    const { status, version } = (await (await fetch(`${url}/health`)).json()) as Record<string, unknown>
    return status === 'ok' && version !== undefined
  } catch {
    return false
  }
}

async function startServer(): Promise<DemoServer> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.js', import.meta.url))], {
    env: { ...process.env, LOG_LEVEL: 'info' },
    // A process group of its own: a terminal's Ctrl-C goes to the demo, which still has to cancel its run there.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // However the demo ends, even before the server is ready.
  const kill = () => void child.kill()
  process.once('exit', kill)
  const exited = once(child, 'exit').finally(() => process.off('exit', kill))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000)
  })
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.includes('vggzoo is ready')) return
      resolve((JSON.parse(line) as { url: string }).url)
    })
  })
  const failed = exited.then(([code, signal]) => {
    throw new Error(said.trim() || `The server ended by itself (${signal ?? `code ${code}`}).`)
  })
  failed.catch(() => {})
  return {
    url: await Promise.race([ready, failed]),
    own: true,
    failed,
    async stop() {
      child.kill()
      await exited
    },
  }
}
