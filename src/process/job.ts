import { setTimeout as wait } from 'node:timers/promises'
import type { JobName, Telemetry } from '../ports/telemetry.ts'
import { type ChildExit, endOf, lastWords, startChild } from './child.ts'

/** A task for a child process that does it, answers once and ends. */
export interface Job<Task> {
  name: JobName
  /** The compiled file that the child runs. */
  entry: URL
  /** All that is said to it. */
  task: Task
  /** What it does, as the end of "The process that": "converts weights". */
  what: string
  onOutput(line: string, pid: number | undefined): void
  /** Without a limit when left out: a process that sends nothing for so long is killed. */
  silenceMs?: number
  telemetry?: Telemetry
}

/** The process ended without an answer; the message says how. */
export class JobError extends Error {
  override readonly name = 'JobError'
  /** The same as half a sentence, for who knows what the process did. */
  readonly how: string

  constructor(what: string, how: string, exit: ChildExit) {
    const said = lastWords(exit)
    super(`The process that ${what} ${how}.${said === null ? '' : ` Its last words: ${said}`}`)
    this.how = `its process ${how}${said === null ? '' : `: ${said}`}`
  }
}

/**
 * Has a child process do a job, and resolves with its answer when the process is gone.
 *
 * @param news    what is done with messages of these types; any other is the answer, and the last one counts
 * @param signal  kills the process; the job rejects with the signal's reason when it is gone
 * @throws JobError
 */
export async function runJob<Task, Message extends { type: string }, News extends Message['type'] = never>(
  { name, entry, task, what, onOutput, silenceMs, telemetry }: Job<Task>,
  news: { [Type in News]: (message: Extract<Message, { type: Type }>) => void },
  signal: AbortSignal,
): Promise<Exclude<Message, { type: News }>> {
  signal.throwIfAborted()
  const began = performance.now()
  let answer: Exclude<Message, { type: News }> | undefined
  const child = startChild<Task, Message>({
    entry,
    onMessage(message) {
      silence.broken()
      if (Object.hasOwn(news, message.type)) news[message.type as News](message as never)
      else answer = message as Exclude<Message, { type: News }>
    },
    onOutput: (line) => onOutput(line, child.pid),
  })
  const kill = () => child.kill('SIGKILL')
  const silence = watchSilence(silenceMs, kill)
  signal.addEventListener('abort', kill, { once: true })
  try {
    child.send(task)
    const exit = await child.exited
    // A terminal tells all of its processes at once: one that just starts, and ignores nothing yet, may hear it before the server.
    if (exit.signal !== null && TOLD_TO_ALL.includes(exit.signal) && !signal.aborted) await aborted(signal)
    signal.throwIfAborted()
    if (answer !== undefined) return answer
    throw new JobError(
      what,
      silence.wasTooLong ? `said nothing for ${silenceMs! / 1000} s` : endOf(exit),
      exit,
    )
  } finally {
    const outcome = signal.aborted ? 'stopped' : answer === undefined ? 'failed' : 'answered'
    telemetry?.record({ kind: 'job', job: name, outcome, ms: performance.now() - began })
    silence.end()
    signal.removeEventListener('abort', kill)
  }
}

const TOLD_TO_ALL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** For the server to hear what its child has heard: so often after so long. */
const HEARD_TURNS = 10
const HEARD_MS = 100

/** Resolves when the signal is aborted, and soon when it is not. */
async function aborted(signal: AbortSignal): Promise<void> {
  // Of a server that is late, all of one long time is over before it looks for signals: between turns it looks.
  for (let turn = 0; turn < HEARD_TURNS && !signal.aborted; turn++) {
    await wait(HEARD_MS, undefined, { signal, ref: false }).catch(() => {})
  }
}

function watchSilence(limitMs: number | undefined, onTooLong: () => void) {
  let timer: NodeJS.Timeout | undefined
  let wasTooLong = false
  const end = () => clearTimeout(timer)
  const broken = () => {
    end()
    if (limitMs === undefined) return
    timer = setTimeout(() => {
      wasTooLong = true
      onTooLong()
    }, limitMs).unref()
  }
  broken()
  return {
    broken,
    end,
    get wasTooLong() {
      return wasTooLong
    },
  }
}
