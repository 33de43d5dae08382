import { type ChildProcess, fork } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { eachLine } from './lines.ts'
import { type ChildRole, noteChild } from './running.ts'
import { STOP_SIGNALS } from './signals.ts'

/** The child inherits this descriptor; its end of file tells the child that the parent is gone. */
export const LIFELINE_FD = 3

/**
 * Runs in a child before its own code. Signals that end the server reach its children, too, and when and how these end
 * is the server's to say: a trainer saves what it has trained first. A process group of their own would keep a
 * terminal's signals from them, but not a service manager's, and Ctrl-Z would stop the server and let them go on.
 */
const DEAF = `for (const signal of ${JSON.stringify(STOP_SIGNALS)}) process.on(signal, () => {})`

/** Of a child that was started with a line of its own. */
export const LINE_FD = 5

/** How a child process ended, in words that can go into a run's failure. */
export interface ChildExit {
  code: number | null
  signal: NodeJS.Signals | null
  /** True when the process ran out of memory: the kernel's SIGKILL cannot be told from a person's, so only V8's own report counts. */
  outOfMemory: boolean
  /** The end of what the child wrote to its standard error. */
  stderr: string
}

/** The line of its standard error that says most, or null: a Node that crashed ends with a stack and its version. */
export function lastWords({ stderr }: Pick<ChildExit, 'stderr'>): string | null {
  const lines = stderr.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line !== '' && !/^(at |Node\.js v|\^)/.test(line))
  return said.findLast((line) => /error/i.test(line)) ?? said.at(-1) ?? null
}

/** How a process ended, as the end of a sentence that begins with the process. */
export function endOf({ code, signal, outOfMemory }: ChildExit): string {
  if (outOfMemory) return 'ran out of memory'
  return signal === null ? `exited with code ${code}` : `was killed by ${signal}`
}

/** Where a child printed a line. */
export type OutputStream = 'STDOUT' | 'STDERR'

export interface Child<ToChild> {
  readonly pid: number | undefined
  /** A stream to LINE_FD of the child, where it was asked for: any thread of the child may read it. */
  readonly line: Duplex | undefined
  /** Messages to a child that is already gone are dropped: its exit is what the caller hears of it. */
  send(message: ToChild): void
  /** At once, which is the only way: it hears none of the signals that ask. */
  kill(signal: 'SIGKILL'): void
  /** Resolves once, after the last message and the last line of the child have been delivered. Never rejects. */
  readonly exited: Promise<ChildExit>
}

export interface ChildOptions<FromChild> {
  entry: URL
  /** A job when left out. */
  role?: ChildRole
  env?: NodeJS.ProcessEnv
  /** Whether the child has a line of its own. */
  line?: boolean
  onMessage(message: FromChild): void
  /** Called with each line the child prints; a long one is cut (lines.ts). */
  onOutput(line: string, stream: OutputStream): void
}

const STDERR_TAIL = 4096

/**
 * Starts a Node child that dies with this process, however this process dies
 * (see lifeline.ts), but of no signal that asks this process to stop, and reports every way in which the child can end as one value.
 * Messages are structured clones: typed arrays pass.
 */
export function startChild<ToChild, FromChild>(options: ChildOptions<FromChild>): Child<ToChild> {
  const child = fork(options.entry, {
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc', ...(options.line === true ? (['pipe'] as const) : [])],
    env: { ...process.env, ...options.env },
    execArgv: [`--import=data:text/javascript,${DEAF}`],
  })
  if (child.pid !== undefined) child.once('exit', noteChild(child.pid, options.role ?? 'job'))
  let stderr = ''
  eachLine(child.stdout, (line) => options.onOutput(line, 'STDOUT'))
  eachLine(child.stderr, (line) => {
    stderr = `${stderr}${line}\n`.slice(-STDERR_TAIL)
    options.onOutput(line, 'STDERR')
  })
  child.on('message', (message) => options.onMessage(message as FromChild))
  const line = (child.stdio as readonly unknown[])[LINE_FD] as Duplex | undefined
  return {
    pid: child.pid,
    line,
    send(message) {
      if (child.connected) child.send(message as object, () => {})
    },
    kill(signal) {
      child.kill(signal)
    },
    exited: exitOf(child).then(({ code, signal, error }) => {
      const text = error === null ? stderr : `${stderr}${error.message}\n`
      return { code, signal, outOfMemory: /heap out of memory|ENOMEM|bad_alloc/.test(text), stderr: text }
    }),
  }
}

/**
 * 'exit' alone may come before messages that are still in the channel ('disconnect' follows the last of them)
 * and before the last words on stdout and stderr, which are pipes of their own.
 * A child that could not even be spawned gives 'error' and no 'exit'.
 */
function exitOf(
  child: ChildProcess,
): Promise<{ code: number | null; signal: NodeJS.Signals | null; error: Error | null }> {
  return new Promise((resolve) => {
    const streams = [
      child.stdout,
      child.stderr,
      (child.stdio as readonly unknown[])[LINE_FD] as Duplex | undefined,
    ].filter((stream) => stream != null)
    let error: Error | null = null
    let ended: { code: number | null; signal: NodeJS.Signals | null } | null = null
    const settle = () => {
      const silent = streams.every(({ closed }) => closed)
      if (ended !== null && !child.connected && silent) resolve({ ...ended, error })
    }
    child.once('exit', (code, signal) => {
      ended = { code, signal }
      settle()
    })
    for (const stream of streams) stream.once('close', settle)
    child.once('disconnect', settle)
    child.on('error', (cause) => {
      error = cause
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })
}
