const HEADING = ['', 'figure', 'limit', 'ratio'] as const

/** Begins a table of figures, each beside the most that it may be. */
export function heading(what: string): void {
  console.log(`\n${line([what, ...HEADING.slice(1)])}`)
}

/** Prints a figure beside its limit, and ends the bench with 1 where it is more. */
export function judge(what: string, figure: number, limit: number, unit: string): void {
  const holds = figure <= limit
  if (!holds) process.exitCode = 1
  const ratio = (figure / limit).toFixed(2)
  const cells = [`  ${what}`, withUnit(figure, unit), withUnit(limit, unit), ratio]
  console.log(`${line(cells)}${holds ? '' : '  MISSED'}`)
}

/** A figure without a limit, for who wants to know where another one comes from. */
export function note(what: string, figure: number, unit: string): void {
  console.log(line([`  ${what}`, withUnit(figure, unit)]))
}

function line([what, ...figures]: readonly string[]): string {
  return `${what!.padEnd(68)}${figures.map((figure) => figure.padStart(13)).join('')}`.trimEnd()
}

function withUnit(value: number, unit: string): string {
  const text = Number.isInteger(value) ? value.toLocaleString('en') : value.toPrecision(3)
  return unit === '' ? text : `${text} ${unit}`
}
