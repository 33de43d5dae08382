/** Failures that a caller must expect. The API shows each as a member of a result union; anything else is a bug. */
export class ValidationError extends Error {
  override readonly name = 'ValidationError'
  readonly issues: { path: string[]; message: string }[]

  constructor(issues: { path: string[]; message: string }[]) {
    super(issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; '))
    this.issues = issues
  }
}

export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

export class ConflictError extends Error {
  override readonly name = 'ConflictError'
}

/** Nobody knows who asks: no token was sent, or none that is valid. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError'
}

/** Who asks may not do it. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError'
}

/** Too much is waiting already; the request was not taken and may be sent again. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError'
  readonly retryAfterMs: number
  readonly queueDepth: number

  constructor(message: string, retryAfterMs: number, queueDepth: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
    this.queueDepth = queueDepth
  }
}

/** Who asks has had as much as they may for now; nothing was done, and it may be sent again. */
export class TooManyRequestsError extends Error {
  override readonly name = 'TooManyRequestsError'
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/** What is asked for is being made, and takes longer than anybody waits for an answer. It may be asked for again. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError'
}

/** The server stops: what was asked is not done any more. It may be sent again when the server is back. */
export class StoppingError extends Error {
  override readonly name = 'StoppingError'

  constructor() {
    super('The server is shutting down. Send it again when it is back.')
  }
}

/** There is no room for what was to be written, or the disk takes nothing; nothing was changed. It may be sent again. */
export class StorageFullError extends Error {
  override readonly name = 'StorageFullError'
}
