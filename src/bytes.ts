const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** Of a number of bytes such as 1073741824, 1024 MiB or 1 GiB. */
export function toBytes(text: string): number {
  return Number.parseInt(text, 10) * (UNITS[text.slice(-3)] ?? 1)
}
