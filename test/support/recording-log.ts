type Level = 'info' | 'warn' | 'error'

export interface RecordingLog {
  info(context: object | string, message?: string): void
  warn(context: object | string, message?: string): void
  error(context: object | string, message?: string): void
  readonly infos: { context: Record<string, unknown>; message: string }[]
  readonly warnings: string[]
  readonly errors: string[]
  /** Resolves at the next line of this level. */
  next(level: Level): Promise<void>
}

/** As much of a logger as a module is given, keeping what it is told. */
export function createRecordingLog(): RecordingLog {
  const infos: RecordingLog['infos'] = []
  const warnings: string[] = []
  const errors: string[] = []
  const waiting: { level: Level; resolve: () => void }[] = []
  const record = (level: Level) => (context: object | string, message?: string) => {
    const text = message ?? String(context)
    if (level === 'info') {
      infos.push({ context: typeof context === 'string' ? {} : { ...context }, message: text })
    } else (level === 'warn' ? warnings : errors).push(text)
    for (const entry of waiting.splice(0)) {
      if (entry.level === level) entry.resolve()
      else waiting.push(entry)
    }
  }
  return {
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
    infos,
    warnings,
    errors,
    next: (level) => new Promise((resolve) => waiting.push({ level, resolve })),
  }
}
