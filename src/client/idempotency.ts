import type { introspection } from './generated/schema.d.ts'

type Types = introspection['types']
type HasKey<Type> = Type extends { kind: 'INPUT_OBJECT'; inputFields: readonly (infer Field)[] }
  ? 'idempotencyKey' extends Extract<Field, { name: string }>['name']
    ? true
    : false
  : false
type InputWithKey = { [Name in keyof Types]: HasKey<Types[Name]> extends true ? Name : never }[keyof Types]

/** The inputs that have a field `idempotencyKey`: those of the schema, or this does not compile. */
const INPUTS_WITH_KEY: Record<InputWithKey, true> = {
  CreateDatasetInput: true,
  CreateWebhookInput: true,
  ImportModelInput: true,
  RegisterModelInput: true,
  StartTrainingRunInput: true,
  UpdateDatasetInput: true,
}

/** `$input: StartTrainingRunInput!` */
const VARIABLE = /\$(\w+)\s*:\s*(\w+)/g

/** A key that nobody else has. Browsers have randomUUID only where a page came over TLS or from localhost. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The variables with a key in each place that the operation has for one and the caller left free: a variable
 * `$idempotencyKey`, or the field of an input. `hasKey` says whether the operation may be sent again.
 */
export function withIdempotencyKey(
  text: string,
  variables: Readonly<Record<string, unknown>>,
): { variables: Record<string, unknown>; hasKey: boolean } {
  const filled: Record<string, unknown> = { ...variables }
  let hasKey = false
  for (const [, name, type] of text.matchAll(VARIABLE)) {
    if (name === 'idempotencyKey') {
      filled[name] ??= newIdempotencyKey()
      hasKey = true
    }
    const input = filled[name]
    if (Object.hasOwn(INPUTS_WITH_KEY, type) && typeof input === 'object' && input !== null) {
      filled[name] = { idempotencyKey: newIdempotencyKey(), ...withoutNull(input) }
      hasKey = true
    }
  }
  return { variables: filled, hasKey }
}

/** To the server, a key of null is none. */
function withoutNull(input: object): object {
  const { idempotencyKey, ...rest } = input as { idempotencyKey?: string | null }
  return idempotencyKey == null ? rest : input
}
