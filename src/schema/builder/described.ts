/** The values of an enum, each with what it means to a person. */
export function described<Value extends string>(
  descriptions: Readonly<Record<Value, string>>,
): Record<Value, { description: string }> {
  const entries = Object.entries<string>(descriptions)
  return Object.fromEntries(entries.map(([value, description]) => [value, { description }])) as Record<
    Value,
    { description: string }
  >
}
