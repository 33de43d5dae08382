/*
 * What the frozen layers of a run make of a picture is the same in every epoch where pictures are not changed at random: it
 * is computed once, and kept on the disk.
 */

/** Of larger files nothing is kept: what the frozen layers make of a batch is computed in each step then. */
export const MOST_FROZEN_BYTES = 16 * 2 ** 30

/**
 * Bytes of a picture in such a file: its class as an int32, then the result as float32.
 * @param shape  of the result for one picture
 */
export function frozenRecordBytes(shape: readonly number[]): number {
  return 4 + 4 * shape.reduce((product, side) => product * side, 1)
}
