/** How figures are written on every page. The same digits, units and dashes everywhere. */

const NOTHING = '–'

/** Loss: four digits, or what it takes to see a small one. */
export function loss(value: number | null | undefined): string {
  if (value == null) return NOTHING
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(2)
  return value.toPrecision(4)
}

/** A share from 0 to 1: 87.3 % */
export function percent(value: number | null | undefined, digits = 1): string {
  return value == null ? NOTHING : `${(100 * value).toFixed(digits)} %`
}

export function count(value: number | null | undefined): string {
  return value == null ? NOTHING : Math.round(value).toLocaleString('en')
}

/** 1 step, 2 steps */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A learning rate or another small number: 0.005, 2.5e-5 */
export function rate(value: number | null | undefined): string {
  if (value == null) return NOTHING
  if (value !== 0 && Math.abs(value) < 0.0001) return value.toExponential(2)
  return String(Number(value.toPrecision(4)))
}

/** 1.2 million parameters, 15.3 billion multiply-adds */
export function big(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`
  return String(value)
}

export function bytes(value: number | null | undefined): string {
  if (value == null) return NOTHING
  if (value >= 2 ** 30) return `${(value / 2 ** 30).toFixed(1)} GiB`
  if (value >= 2 ** 20) return `${(value / 2 ** 20).toFixed(0)} MiB`
  return `${(value / 2 ** 10).toFixed(0)} KiB`
}

/** Seconds, as a person says them: 48 s, 3 min 20 s, 2 h 5 min */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null) return NOTHING
  const all = Math.round(seconds)
  if (all < 60) return `${seconds < 9.95 ? Math.max(0, seconds).toFixed(1) : all} s`
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`
  const minutes = Math.round(all / 60)
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
  return `${Math.floor(minutes / 60 / 24)} d ${Math.floor(minutes / 60) % 24} h`
}

/** Milliseconds, from a request to its answer: 0.42 ms, 3.1 ms, 250 ms, 1.2 s */
export function milliseconds(value: number | null | undefined): string {
  if (value == null) return NOTHING
  if (value >= 999.5) return duration(value / 1000)
  const digits = value === 0 || value >= 9.95 ? 0 : value >= 0.995 ? 1 : 2
  return `${value.toFixed(digits)} ms`
}

/** How many in a second, two digits of it: 0.25 /s, 130 /s */
export function perSecond(value: number | null | undefined): string {
  return value == null ? NOTHING : `${Number(value.toPrecision(2)).toLocaleString('en')} /s`
}

/** A moment, short: the time of today, else the date, too. */
export function moment(iso: string | null | undefined): string {
  if (iso == null) return NOTHING
  const date = new Date(iso)
  const today = date.toDateString() === new Date().toDateString()
  return date.toLocaleString(
    undefined,
    today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' },
  )
}

/** SCREAMING_CASE of the API as words: TEST_LOSS -> test loss */
export function words(name: string): string {
  return name.toLowerCase().replaceAll('_', ' ')
}
