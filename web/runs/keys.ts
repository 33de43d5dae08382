/** Whether a key belongs to what has the focus, or to the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true
  const { target } = event
  if (!(target instanceof Element)) return false
  return target.closest('input:not([type="checkbox"]), select, textarea, dialog') !== null
}
