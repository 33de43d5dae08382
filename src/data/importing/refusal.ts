/** What was sent cannot become a data set; the message, a sentence or two, tells its sender why and what to do. */
export class ImportRefusedError extends Error {
  override readonly name = 'ImportRefusedError'
}
