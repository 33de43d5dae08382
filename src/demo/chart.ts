import type { Paint } from './screen.ts'

/** Bits of a braille character (from U+2800) by [row][column] of its 4 x 2 dots. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]
const LABEL = 6

export interface ChartPoint {
  /** Where it is on the x axis, 0 to 1. */
  at: number
  value: number
}

/** A curve in braille dots: `rows` rows of text with labels of the y axis, and one row of labels of the x axis. */
export function chart(
  points: readonly ChartPoint[],
  size: { columns: number; rows: number },
  axis: { from: string; to: string },
  paint: Paint,
): string[] {
  const columns = Math.max(10, size.columns - LABEL - 2)
  const values = points.map(({ value }) => value)
  // Quarters, so that the scale stands still while the curve grows.
  const top = Math.ceil(Math.max(...values) * 4) / 4
  const bottom = Math.min(top - 0.25, Math.floor(Math.min(...values) * 4) / 4)
  const cells = Array.from({ length: size.rows }, () => new Array<number>(columns).fill(0))
  const dot = (x: number, y: number) => {
    cells[y >> 2][x >> 1] |= DOTS[y & 3][x & 1]
  }
  const height = size.rows * 4 - 1
  let previous: { x: number; y: number } | undefined
  for (const { at, value } of points) {
    const x = Math.round(Math.min(1, at) * (columns * 2 - 1))
    const y = Math.round(((top - value) / (top - bottom)) * height)
    const from = previous ?? { x, y }
    const length = Math.max(1, Math.abs(x - from.x), Math.abs(y - from.y))
    for (let i = 0; i <= length; i++) {
      dot(from.x + Math.round(((x - from.x) * i) / length), from.y + Math.round(((y - from.y) * i) / length))
    }
    previous = { x, y }
  }
  const label = (row: number) => {
    if (row % 3 !== 0 && row !== size.rows - 1) return ' '.repeat(LABEL)
    return (top - ((top - bottom) * row) / (size.rows - 1)).toFixed(2).padStart(LABEL)
  }
  return [
    ...cells.map((row, i) => {
      const curve = row.map((bits) => (bits === 0 ? ' ' : String.fromCodePoint(0x2800 + bits))).join('')
      return `${paint('dim', `${label(i)} ┤`)}${paint('cyan', curve)}`
    }),
    paint(
      'dim',
      `${'└'.padStart(LABEL + 2)}${axis.from} ${'─'.repeat(Math.max(0, columns - axis.from.length - axis.to.length - 2))} ${axis.to}`,
    ),
  ]
}

export function bar(fraction: number, columns: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * columns)
  return '█'.repeat(full) + '░'.repeat(columns - full)
}
