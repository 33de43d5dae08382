import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { readWhole, writeWhole } from '../storage/whole.ts'
import {
  bytesOf,
  decodeTensor,
  elementsOf,
  encodeHeader,
  type NamedTensor,
  type TensorToWrite,
} from './safetensors.ts'
import {
  PREFIX_BYTES,
  parseHeader,
  readHeaderLength,
  type SafetensorsEntry,
  SafetensorsError,
  type SafetensorsHeader,
} from './safetensors-header.ts'

/** A safetensors file on disk, read tensor by tensor: VGG-16 has 553 MB. */
export interface SafetensorsFile {
  readonly header: SafetensorsHeader
  /** As `decodeTensor`: floats become float32. */
  read(entry: SafetensorsEntry): Promise<NamedTensor>
  close(): Promise<void>
}

/**
 * Opens a file and verifies its header against the size it really has, before anything is allocated by what the
 * header claims.
 *
 * @throws SafetensorsError
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const prefix = await readBytes(file, 0, Math.min(PREFIX_BYTES, size))
    const length = readHeaderLength(prefix, size)
    const header = parseHeader(await readBytes(file, PREFIX_BYTES, length), size)
    return {
      header,
      read: async (entry) => decodeTensor(entry, await readBytes(file, entry.begin, entry.end - entry.begin)),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Its own memory, aligned: small Buffers are slices of one pool.
  const bytes = new Uint8Array(length)
  if (await readWhole(file, bytes, position)) return bytes
  throw new SafetensorsError('The file became shorter while it was read.')
}

/**
 * Writes a file tensor by tensor: 8 bytes of header length, the JSON header, the data. It is safe on disk when this
 * resolves.
 *
 * @param path  made or overwritten; after an error it may be there in part
 * @param read  the data of a tensor, asked for in the order of the file; it is not used after the next call
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Record<string, string>,
  read: (tensor: TensorToWrite) => Promise<NamedTensor['data']> | NamedTensor['data'],
): Promise<{ digest: string; bytes: number }> {
  const { prefix, ordered } = encodeHeader(tensors, metadata)
  const hash = createHash('sha256')
  const file = await open(path, 'w')
  let bytes = 0
  const write = async (piece: Uint8Array) => {
    hash.update(piece)
    await writeWhole(file, piece)
    bytes += piece.length
  }
  try {
    await write(prefix)
    for (const tensor of ordered) {
      const data = await read(tensor)
      const type = data instanceof Float32Array ? 'F32' : 'I64'
      if (data.length !== elementsOf(tensor.shape) || type !== tensor.dtype) {
        throw new SafetensorsError(
          `Tensor ${JSON.stringify(tensor.name)}: ${data.length} values of ${type} do not fill ${tensor.dtype} [${tensor.shape}].`,
        )
      }
      await write(bytesOf({ data }))
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return { digest: hash.digest('hex'), bytes }
}
