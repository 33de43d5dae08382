import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { serverUrl } from '../cli/server-url.ts'
import { variable } from '../cli/variable.ts'

export interface DemoServer {
  url: string
  /** Ends the server if the demo started it, and waits until it is gone. */
  stop(): Promise<void>
}

/** The server at VGGZOO_URL or on the usual port; when none answers there, one of our own. */
export async function findOrStartServer(say: (line: string) => void): Promise<DemoServer> {
  const url = serverUrl(undefined, process.env)
  if (await answers(url)) {
    say(`Using the server at ${url}.`)
    return { url, async stop() {} }
  }
  if (variable('VGGZOO_URL') !== undefined) throw new Error(`No vggzoo answers at VGGZOO_URL ${url}.`)
  say(`No server at ${url}: starting one.`)
  return startServer()
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/live`)
    return response.ok
  } catch {
    return false
  }
}

async function startServer(): Promise<DemoServer> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.js', import.meta.url))], {
    env: { ...process.env, LOG_LEVEL: 'info' },
    // A process group of its own: a terminal's Ctrl-C goes to the demo, which still has to cancel its run there.
    detached: true,
    // It ends when this channel does: with the demo, however that ends.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000)
  })
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { msg, url } = JSON.parse(line) as { msg: string; url?: string }
      if (msg === 'vggzoo is ready' && url !== undefined) resolve(url)
    })
  })
  const url = await Promise.race([ready, exited.then(() => null)])
  if (url === null) throw new Error(said.trim() || 'The server ended before it was ready.')
  return {
    url,
    async stop() {
      child.kill()
      await exited
    },
  }
}
