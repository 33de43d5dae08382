import { type ChildExit, endOf, lastWords, startChild } from './child.ts'

/** A task for a child process that does it, answers once and ends. */
export interface Job<Task> {
  /** The compiled file that the child runs. */
  entry: URL
  /** All that is said to it. */
  task: Task
  /** What it does, as the end of "The process that": "converts weights". */
  what: string
  onOutput(line: string, pid: number | undefined): void
  /** Without a limit when left out: a process that sends nothing for so long is killed. */
  silenceMs?: number
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
  { entry, task, what, onOutput, silenceMs }: Job<Task>,
  news: { [Type in News]: (message: Extract<Message, { type: Type }>) => void },
  signal: AbortSignal,
): Promise<Exclude<Message, { type: News }>> {
  signal.throwIfAborted()
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
    signal.throwIfAborted()
    if (answer !== undefined) return answer
    throw new JobError(
      what,
      silence.wasTooLong ? `said nothing for ${silenceMs! / 1000} s` : endOf(exit),
      exit,
    )
  } finally {
    silence.end()
    signal.removeEventListener('abort', kill)
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
