import type { Logger } from 'pino'
import type { OutputStream } from '../../ports/trainer-launcher.ts'
import { type OutputLine, printable } from './line.ts'

export type UnnumberedLine = Omit<OutputLine, 'number' | 'attempt'>

/** Lines are written about ten times a second at most. */
const FLUSH_MS = 100
/** What may wait for the database: of more, the oldest are left out, those of errors last, so that the last words of a trainer are kept. */
const MAX_WAITING = 500
const MAX_WAITING_CHARACTERS = 256 * 1024
/** The least time from one write to the next, by what was written: 500 lines, or 256 KiB, a second. */
const MS_PER_LINE = 2
const MS_PER_CHARACTER = 1 / 256

/** Takes what one trainer prints, as fast as it prints it, to where it is kept, in order. */
export interface OutputWriter {
  push(text: string, stream: OutputStream): void
  /** Resolves when everything that was pushed is written. Nothing may be pushed after it. Never rejects. */
  close(): Promise<void>
}

/**
 * @param write   writes lines behind those of the last call; called again only when it is done
 * @param logger  gets the lines too, but for those that come too fast
 */
export function createOutputWriter(
  write: (lines: UnnumberedLine[]) => Promise<void>,
  logger: Pick<Logger, 'info' | 'error'>,
): OutputWriter {
  let waiting: UnnumberedLine[] = []
  let characters = 0
  let leftOut = 0
  let lost = 0
  let timer: NodeJS.Timeout | undefined
  let notBefore = 0
  let writing: Promise<void> | undefined

  function push(text: string, stream: OutputStream): void {
    const line = { at: new Date(), stream, text: printable(text) }
    waiting.push(line)
    characters += line.text.length
    const first = leftOut
    while (waiting.length > MAX_WAITING || characters > MAX_WAITING_CHARACTERS) {
      const oldest = Math.max(
        0,
        waiting.findIndex((it) => it.stream === 'STDOUT'),
      )
      characters -= waiting.splice(oldest, 1)[0]!.text.length
      leftOut += 1
    }
    // A trainer that prints without end must not fill the server's own log either.
    if (leftOut === first) logger.info({ stream }, line.text)
    schedule()
  }

  function schedule(): void {
    if (writing !== undefined || waiting.length === 0) return
    timer ??= setTimeout(flush, Math.max(FLUSH_MS, notBefore - performance.now()))
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const lines = [...remarks(), ...waiting]
    notBefore = performance.now() + Math.max(waiting.length * MS_PER_LINE, characters * MS_PER_CHARACTER)
    waiting = []
    characters = 0
    leftOut = 0
    writing = write(lines)
      .then(() => {
        lost = 0
      })
      .catch((error: unknown) => {
        // The run goes on without its output.
        lost += lines.length
        logger.error({ err: error }, 'lines of the trainer could not be kept')
      })
      .finally(() => {
        writing = undefined
        schedule()
      })
  }

  function remarks(): UnnumberedLine[] {
    const says = (text: string): UnnumberedLine => ({ at: new Date(), stream: 'SERVER', text })
    const all: UnnumberedLine[] = []
    if (lost > 0) all.push(says(`${count(lost)} missing here: the database did not take them.`))
    if (leftOut > 0) all.push(says(`${count(leftOut)} left out here: they came too fast.`))
    return all
  }

  return {
    push,
    async close() {
      await writing
      if (waiting.length > 0) flush()
      await writing
    },
  }
}

function count(lines: number): string {
  return lines === 1 ? '1 line is' : `${lines} lines are`
}
