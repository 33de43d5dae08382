import { Refusal } from '../live/refusal.ts'

/** "64" or "48 x 96" as [height, width]. */
export function readSize(text: string): [number, number] {
  const [height, width = height, ...rest] = text
    .trim()
    .split(/\s*[x×,]\s*/i)
    .map(Number)
  if (rest.length > 0 || !(Number.isFinite(height) && Number.isFinite(width))) {
    throw new Refusal('The size is no number.', [
      { path: ['size'], message: 'A size is a number of pixels, such as 64, or height and width: 48 x 96.' },
    ])
  }
  return [Math.round(height!), Math.round(width!)]
}

/** [height, width] as a person reads it. */
export function sizeText(size: readonly number[]): string {
  return `${size[0]} × ${size[1]}`
}
