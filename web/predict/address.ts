/** What an address names: pets@champion, pets@3, pets for its newest version, nothing for the newest of all. */
export function readModel(text: string | null): { name: string; which: string } | null {
  if (text === null || text === '') return null
  const at = text.lastIndexOf('@')
  return at === -1 ? { name: text, which: '' } : { name: text.slice(0, at), which: text.slice(at + 1) }
}

/** The same as text; `which` is an alias or a version, "" for the newest. A name may have an @ itself. */
export function writeModel(name: string, which: string | number = ''): string {
  return which === '' && !name.includes('@') ? name : `${name}@${which}`
}

/** Where a picture can be shown to a model. */
export function predictAddress(name: string, which: string | number = ''): string {
  return `/predict?${new URLSearchParams({ model: writeModel(name, which) })}`
}
