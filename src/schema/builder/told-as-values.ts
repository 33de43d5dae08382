/**
 * `extensions` of a subscription's field whose events nobody alters after they were told. Whoever is told the same object
 * may be told the same of it: what a selection makes of an event is the affair of the event alone and of the moment, and
 * not of the field's arguments, which only choose the events. The server makes it once for all who select the same.
 */
export const TOLD_AS_VALUES = { toldAsValues: true } as const
