import sharp from 'sharp'

const CHART_ROWS = 8
const CHART_COLUMNS = 64
const BAR_COLUMNS = 32

/** Draws over what it drew before; where output is not a terminal, prints a line now and then instead. */
export interface Screen {
  draw(lines: string[], summary: string): void
  /** Leaves the drawing as it is and goes on below it. */
  print(line?: string): void
}

export function createScreen(output: NodeJS.WriteStream = process.stdout): Screen {
  let drawn = 0
  let lastSummary = ''
  // A terminal that was closed: what is under way is still to be ended in order.
  output.on('error', () => {})
  return {
    draw(lines, summary) {
      if (output.isTTY) {
        output.write(`${drawn === 0 ? '' : `\x1b[${drawn}A`}\x1b[J${lines.join('\n')}\n`)
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

export function bar(fraction: number, columns: number = BAR_COLUMNS): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * columns)
  return '█'.repeat(full) + '░'.repeat(columns - full)
}

/** A curve of the values over their place, newest at the right, as text rows with the range at the left. */
export function chart(values: readonly number[]): string[] {
  if (values.length === 0) return []
  const columns = Array.from(
    { length: Math.min(CHART_COLUMNS, values.length) },
    (_, i, { length } = values) => {
      const from = Math.floor((i * values.length) / Math.min(CHART_COLUMNS, length))
      const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / Math.min(CHART_COLUMNS, length)))
      const part = values.slice(from, to)
      return part.reduce((sum, value) => sum + value, 0) / part.length
    },
  )
  const top = Math.max(...columns)
  const bottom = Math.min(...columns)
  const rowOf = (value: number) => Math.round(((top - value) / (top - bottom || 1)) * (CHART_ROWS - 1))
  return Array.from({ length: CHART_ROWS }, (_, row) => {
    const label = row === 0 ? top.toFixed(3) : row === CHART_ROWS - 1 ? bottom.toFixed(3) : ''
    return `${label.padStart(7)} ┤${columns.map((value) => (rowOf(value) === row ? '•' : ' ')).join('')}`
  })
}

/** A picture in two rows of pixels for each row of text, by half blocks in 24-bit colour. */
export async function picture(dataUrl: string, pixels = 24): Promise<string[]> {
  const png = Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64')
  const raw = await sharp(png).resize(pixels, pixels).removeAlpha().raw().toBuffer()
  const colour = (x: number, y: number) =>
    [...raw.subarray((y * pixels + x) * 3, (y * pixels + x) * 3 + 3)].join(';')
  return Array.from({ length: pixels / 2 }, (_, row) => {
    const cells = Array.from({ length: pixels }, (_cell, x) => {
      return `\x1b[38;2;${colour(x, 2 * row)}m\x1b[48;2;${colour(x, 2 * row + 1)}m▀`
    })
    return `${cells.join('')}\x1b[0m`
  })
}
