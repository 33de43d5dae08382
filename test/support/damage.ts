import type { Draw } from './random.ts'

/** Breaks bytes as disks, networks and people do. */
export function broken(draw: Draw, bytes: Buffer): { bytes: Buffer; how: string } {
  const at = draw.below(bytes.length)
  const copy = Buffer.from(bytes)
  const how = draw.oneOf([
    'cut',
    'flipped',
    'zeroed',
    'inserted',
    'repeated',
    'extreme',
    'headless',
    'end',
  ] as const)
  switch (how) {
    case 'cut':
      return { how, bytes: copy.subarray(0, at) }
    case 'flipped':
      for (let i = 1 + draw.below(20); i > 0; i--) copy[draw.below(copy.length)]! ^= 1 << draw.below(8)
      return { how, bytes: copy }
    case 'zeroed':
      return { how, bytes: copy.fill(0, at, Math.min(copy.length, at + draw.below(600))) }
    case 'inserted':
      return {
        how,
        bytes: Buffer.concat([copy.subarray(0, at), draw.bytes(draw.below(100)), copy.subarray(at)]),
      }
    case 'repeated':
      return { how, bytes: Buffer.concat([copy.subarray(0, at), copy.subarray(draw.below(at + 1))]) }
    case 'extreme':
      for (let i = 1 + draw.below(4); i > 0; i--) {
        const place = draw.below(Math.max(1, copy.length - 4))
        copy.fill(
          draw.oneOf([0, 0xff, 0x7f, 0x80]),
          place,
          Math.min(copy.length, place + draw.oneOf([1, 2, 4])),
        )
      }
      return { how, bytes: copy }
    case 'headless':
      return { how, bytes: copy.subarray(draw.below(64)) }
    case 'end': {
      // The directory of a .zip is at its end, where every number decides.
      const from = Math.max(0, copy.length - 400)
      for (let i = 1 + draw.below(3); i > 0; i--)
        copy[from + draw.below(copy.length - from)] = draw.oneOf([0, 1, 0x7f, 0x80, 0xff])
      return { how, bytes: copy }
    }
  }
}
