import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface DemoServer {
  url: string
  /** Ends the server if the demo started it. */
  stop(): void
}

/** The server at VGGZOO_URL or on the usual port; when none answers there, one of our own. */
export async function findOrStartServer(say: (line: string) => void): Promise<DemoServer> {
  const port = process.env.PORT ?? '4000'
  const url = process.env.VGGZOO_URL ?? `http://localhost:${port}`
  if (await answers(url)) {
    say(`Using the server at ${url}.`)
    return { url, stop() {} }
  }
  if (process.env.VGGZOO_URL !== undefined) throw new Error(`No vggzoo answers at VGGZOO_URL ${url}.`)
  say(`No server at ${url}: starting one.`)
  return startServer()
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`)
    return response.ok
  } catch {
    return false
  }
}

function startServer(): Promise<DemoServer> {
  const child = spawn(process.execPath, [new URL('../main.js', import.meta.url).pathname], {
    env: { ...process.env, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill())
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The server ended with code ${code}.`)))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { msg, url } = JSON.parse(line) as { msg: string; url?: string }
      if (msg === 'vggzoo is ready' && url !== undefined) resolve({ url, stop: () => void child.kill() })
    })
  })
}
