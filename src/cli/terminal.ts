const CHART_ROWS = 8
const AXIS_COLUMNS = 9
const BAR_COLUMNS = 32
/** Of a terminal that does not say how wide it is. */
const COLUMNS = 80

/** Draws over what it drew before; where output is not a terminal, prints a line now and then instead. */
export interface Screen {
  /** Of a line. */
  readonly columns: number
  readonly isTerminal: boolean
  draw(lines: string[], summary: string): void
  /** Leaves the drawing as it is and goes on below it. */
  print(line?: string): void
}

export function createScreen(output: NodeJS.WriteStream = process.stdout): Screen {
  let drawn = 0
  let lastSummary = ''
  const columns = () => output.columns ?? COLUMNS
  // A terminal that was closed: what is under way is still to be ended in order.
  output.on('error', () => {})
  return {
    get columns() {
      return columns()
    },
    isTerminal: output.isTTY === true,
    draw(lines, summary) {
      if (output.isTTY) {
        // A line that is broken would be two, and the next drawing begin one too low.
        const cut = lines.map((line) => [...line].slice(0, columns()).join(''))
        output.write(`${drawn === 0 ? '' : `\x1b[${drawn}A`}\x1b[J${cut.join('\n')}\n`)
        drawn = lines.length
      } else if (summary !== lastSummary) {
        output.write(`${summary}\n`)
        lastSummary = summary
      }
    },
    print(line = '') {
      output.write(`${line}\n`)
      drawn = 0
    },
  }
}

/** Whether to write in colours: into a terminal that has them, unless NO_COLOR says not to (no-color.org). */
export function hasColours(output: NodeJS.WriteStream = process.stdout): boolean {
  return output.isTTY && output.hasColors(2 ** 24) && !process.env.NO_COLOR
}

export function bar(fraction: number, columns: number = BAR_COLUMNS): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * columns)
  return '█'.repeat(full) + '░'.repeat(columns - full)
}

/** A curve of the values over their place, newest at the right, as text rows with the range at the left. */
export function chart(values: readonly number[], columns: number): string[] {
  if (values.length === 0) return []
  const width = Math.min(values.length, Math.max(1, columns - AXIS_COLUMNS))
  const means = Array.from({ length: width }, (_, i) => {
    const from = Math.floor((i * values.length) / width)
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / width))
    const part = values.slice(from, to)
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
  const top = Math.max(...means)
  const bottom = Math.min(...means)
  const rowOf = (value: number) => Math.round(((top - value) / (top - bottom || 1)) * (CHART_ROWS - 1))
  return Array.from({ length: CHART_ROWS }, (_, row) => {
    const label = row === 0 ? top.toFixed(3) : row === CHART_ROWS - 1 ? bottom.toFixed(3) : ''
    return `${label.padStart(7)} ┤${means.map((value) => (rowOf(value) === row ? '•' : ' ')).join('')}`
  })
}
