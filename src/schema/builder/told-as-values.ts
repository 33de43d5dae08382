/**
 * `extensions` of a subscription's field whose events do not change after they were told, and are the same objects for all
 * who are told: what its selection makes of one depends on nothing else, and least of all on the field's arguments, which
 * only choose the events. The server makes it once for all who select the same.
 */
export const TOLD_AS_VALUES = { toldAsValues: true } as const
