import type { Architecture } from '../zoo/architecture.ts'
import type { ImportTarget } from '../zoo/formats/import-target.ts'

/** A conversion of a file of weights: the job is all that the server says to a conversion process. */
export type ConvertJob =
  | ({ type: 'importSafetensors'; source: string } & ImportTarget)
  | ({
      type: 'importLayersModel'
      modelJson: string
      /** Paths by the names that the model.json calls them by. */
      weightFiles: ReadonlyMap<string, string>
    } & ImportTarget)
  | {
      type: 'exportLayersModel'
      source: string
      architecture: Architecture
      /** The folder to write to. */
      folder: string
      metadata: Record<string, unknown>
    }

/** The one answer of a conversion process. */
export type FromConverter =
  | { type: 'written'; digest: string; bytes: number }
  | { type: 'exported' }
  | { type: 'refused'; refusal: Refusal }

/** An error as plain data; errors lose their class on the way between processes. */
export type Refusal =
  | { kind: 'safetensors' | 'layersModel'; message: string }
  /** What the disk answered: ENOSPC. */
  | { kind: 'disk'; code: string; message: string }
  | {
      kind: 'mismatch'
      architecture: string
      missing: readonly string[]
      surplus: readonly string[]
      wrong: readonly { name: string; expected: string; found: string }[]
    }
