import type { Resize } from '../../pictures/resize.ts'
import type { DatasetEdits, LabelKind } from '../importing/protocol.ts'

/** What a version of a data set is made of, and how: as it is kept with the version, so that an import can begin again. */
export interface AskedImport {
  from: AskedOrigin
  /** [height, width] in pixels. */
  size: [number, number]
  resize: Resize
  split: { testShare: number; seed: number }
  /** Null: not told. */
  labels: LabelKind | null
}

/** Files of the first three lie in the import's folder, or where the server was told that they are. */
export type GivenOrigin =
  /** `name`: what its sender calls it. */
  | { kind: 'archive'; name: string }
  /** Below DATASETS_DIR; '' for all of it. */
  | { kind: 'folder'; folder: string }
  | { kind: 'pictures'; count: number }

export type AskedOrigin =
  | GivenOrigin
  /** `reference`: of the version that it is made of. */
  | { kind: 'dataset'; reference: string; edits: DatasetEdits; added: GivenOrigin | null }

/** For people: the name of an archive or a folder, the version before. */
export function originInWords(from: AskedOrigin): string {
  switch (from.kind) {
    case 'archive':
      return from.name
    case 'folder':
      return from.folder === '' ? 'the folder DATASETS_DIR' : `the folder ${from.folder}`
    case 'pictures':
      return from.count === 1 ? '1 picture' : `${from.count} pictures`
    case 'dataset':
      return from.added === null ? from.reference : `${from.reference} and ${originInWords(from.added)}`
  }
}
