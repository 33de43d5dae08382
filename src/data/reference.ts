/** What a name may be: which path of a prepared file it makes depends on no file system. */
export const DATASET_NAME = /^[a-z][a-z0-9_]{0,39}$/

/** DATASET_NAME in words, for a message. */
export const DATASET_NAME_RULE =
  'A name begins with a lower-case letter, and goes on with up to 39 of these, digits and _.'

/** Names one version of a data set, "pets@2", or by the name alone whichever is meant then. */
export interface DatasetReference {
  name: string
  version: number | null
}

const REFERENCE = /^([a-z][a-z0-9_]{0,39})(?:@([1-9]\d{0,8}))?$/

/** Null for what can name no data set. */
export function readReference(text: string): DatasetReference | null {
  const [, name, version] = REFERENCE.exec(text) ?? []
  if (name === undefined) return null
  return { name, version: version === undefined ? null : Number(version) }
}

export function referenceOf(name: string, version: number): string {
  return `${name}@${version}`
}

/** Of "pets@2" and of "pets": "pets". */
export function nameIn(reference: string): string {
  return reference.split('@')[0]!
}

/** Whether a reference is one of a version: of a data set that a person made, and no source makes again. */
export function isVersion(reference: string): boolean {
  return reference.includes('@')
}
