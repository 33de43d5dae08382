const ESC = '\x1b['
/** An escape sequence, or one visible character. */
const TOKENS = new RegExp(`\\x1b\\[[\\d;]*m|.`, 'gu')
const PLAIN_EVERY_MS = 10_000

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof STYLES
export type Paint = (style: Style, text: string) => string

/** A terminal with a drawing at its foot that is drawn over; where output is no terminal, plain lines. */
export interface Screen {
  /** Bits of colour: 1 (none), 4, 8 or 24. */
  readonly colours: number
  readonly columns: number
  readonly paint: Paint
  /**
   * Replaces the drawing.
   * @param plain  what a pipe gets instead, when `key` is another than before or ten seconds have passed
   */
  draw(lines: string[], plain: { key: string; text: string }): void
  /** Prints a line that stays, above the drawing. */
  print(line?: string): void
  /** Leaves the drawing where it is: what is printed next comes below it. */
  settle(): void
}

export function createScreen(output: NodeJS.WriteStream = process.stdout): Screen {
  const live = output.isTTY === true && process.env.TERM !== 'dumb'
  const colours = live ? output.getColorDepth() : 1
  let drawing: string[] = []
  let last = { key: '', at: 0 }

  /** Goes back to the first row of the drawing; a terminal made narrower has broken its lines into more rows. */
  const erase = () => {
    if (drawing.length === 0) return
    const rows = drawing.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / output.columns)), 0)
    output.write(`${ESC}${rows}A\r${ESC}J`)
  }
  return {
    colours,
    get columns() {
      return live ? output.columns : 80
    },
    paint: (style, text) => (colours === 1 || text === '' ? text : `${ESC}${STYLES[style]}m${text}${ESC}0m`),
    draw(lines, { key, text }) {
      if (!live) {
        if (key === last.key && Date.now() - last.at < PLAIN_EVERY_MS) return
        last = { key, at: Date.now() }
        output.write(`${text}\n`)
        return
      }
      erase()
      // What is higher than the terminal could not be drawn over.
      drawing = lines.slice(-(output.rows - 1)).map((line) => clip(line, output.columns - 1))
      output.write(`${drawing.join('\n')}\n`)
    },
    print(line = '') {
      erase()
      output.write(`${line}\n`)
      if (drawing.length > 0) output.write(`${drawing.join('\n')}\n`)
    },
    settle() {
      drawing = []
    },
  }
}

function widthOf(line: string): number {
  return (line.match(TOKENS) ?? []).filter((token) => !token.startsWith(ESC)).length
}

function clip(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  let room = columns
  return (line.match(TOKENS) ?? []).filter((token) => token.startsWith(ESC) || room-- > 0).join('')
}
