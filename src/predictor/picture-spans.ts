import type { Tracing } from '../ports/tracing.ts'

/** What happened to a picture, in milliseconds of performance.now(). */
export interface PictureTimes {
  /** Of the span that it is part of. */
  traceparent: string
  /** It came. */
  at: number
  decoded: number
}

/**
 * Tells how long each picture of a batch was decoded, waited and was computed, as spans. A batch is computed at once:
 * that span of its first picture has links to the others' predictions, and those of the others to that of the first.
 *
 * @param began  when computing it began, as `ended`
 */
export function tellBatch(
  tracing: Tracing,
  pictures: readonly PictureTimes[],
  batch: { size: number; began: number; ended: number },
): void {
  const { size, began, ended } = batch
  let first: string | undefined
  for (const { traceparent: parent, at, decoded } of pictures) {
    tracing.begin('decode', { parent, since: at }).end(decoded)
    tracing.begin('wait', { parent, since: decoded }).end(Math.max(decoded, began))
    const links = first === undefined ? pictures.slice(1).map(({ traceparent }) => traceparent) : [first]
    const computing = tracing.begin('compute', {
      parent,
      links,
      since: Math.max(decoded, began),
      attributes: { 'vggzoo.batch': size },
    })
    computing.end(ended)
    first ??= computing.traceparent
  }
}
