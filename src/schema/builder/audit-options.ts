/**
 * `extensions` of a mutation that the audit log has no entry of: one that is asked for so often that its entries would be most
 * of the database, and whose result is kept anyway.
 */
export const NOT_AUDITED = { audit: false } as const

/** `extensions` of a mutation whose result is not itself what was made. */
export function audits<Result>(type: string, idOf: (result: Result) => string) {
  return { audit: { type, idOf } }
}

/** What the two above say. */
export type AuditOption = false | { type: string; idOf(result: unknown): string }
