/** Every reason for which a picture is refused. */
export const IMAGE_REJECTIONS = [
  'EMPTY',
  'NOT_AN_IMAGE',
  'UNSUPPORTED_FORMAT',
  'TRUNCATED',
  'DAMAGED',
  'TOO_MANY_PIXELS',
  'TOO_MANY_BYTES',
] as const
export type ImageRejection = (typeof IMAGE_REJECTIONS)[number]

/** The picture cannot be read; the message tells its sender why. */
export class UnsupportedImageError extends Error {
  override readonly name = 'UnsupportedImageError'
  readonly reason: ImageRejection

  constructor(reason: ImageRejection, message: string) {
    super(message)
    this.reason = reason
  }
}
