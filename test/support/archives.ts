import { crc32, deflateRawSync } from 'node:zlib'
import { Header, Pax } from 'tar'

/** A file of a .zip, and what its headers say that is not so. */
export interface ZipEntry {
  name: string | Buffer
  bytes?: Uint8Array
  /** 8: deflated, 0: stored, others: only said. */
  method?: number
  /** Besides the one of UTF-8, which a name that is a text has. */
  flags?: number
  /** Of Unix: 0o120777 for a link. */
  mode?: number
  claims?: { size?: number; packed?: number; crc?: number; offset?: number }
  extra?: Buffer
  isZip64?: boolean
}

const UTF8 = 0x800

/** By the layout of PKWARE's APPNOTE.TXT, 4.3. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const entry of entries) {
    const bytes = entry.bytes ?? new Uint8Array()
    const method = entry.method ?? 8
    const data = method === 8 ? deflateRawSync(bytes) : Buffer.from(bytes)
    const name = Buffer.from(entry.name as string)
    const flags = (typeof entry.name === 'string' ? UTF8 : 0) | (entry.flags ?? 0)
    const crc = entry.claims?.crc ?? crc32(bytes)
    const packed = entry.claims?.packed ?? data.length
    const size = entry.claims?.size ?? bytes.length
    const offset = entry.claims?.offset ?? at
    const extra = entry.isZip64 ? zip64Extra(size, packed, offset) : (entry.extra ?? Buffer.alloc(0))
    const small = (value: number) => (entry.isZip64 ? 0xffffffff : value)
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(20, 4)
    local.writeUInt16LE(flags, 6)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(crc, 14)
    local.writeUInt32LE(packed, 18)
    local.writeUInt32LE(size, 22)
    local.writeUInt16LE(name.length, 26)
    parts.push(local, name, data)
    const header = Buffer.alloc(46)
    header.writeUInt32LE(0x02014b50, 0)
    header.writeUInt16LE(entry.mode === undefined ? 20 : (3 << 8) | 20, 4)
    header.writeUInt16LE(20, 6)
    header.writeUInt16LE(flags, 8)
    header.writeUInt16LE(method, 10)
    header.writeUInt32LE(crc, 16)
    header.writeUInt32LE(small(packed), 20)
    header.writeUInt32LE(small(size), 24)
    header.writeUInt16LE(name.length, 28)
    header.writeUInt16LE(extra.length, 30)
    header.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 38)
    header.writeUInt32LE(small(offset), 42)
    central.push(header, name, extra)
    at += 30 + name.length + data.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, directory, end])
}

function zip64Extra(size: number, packed: number, offset: number): Buffer {
  const extra = Buffer.alloc(28)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(24, 2)
  extra.writeBigUInt64LE(BigInt(size), 4)
  extra.writeBigUInt64LE(BigInt(packed), 12)
  extra.writeBigUInt64LE(BigInt(offset), 20)
  return extra
}

export interface TarEntry {
  name: string | Buffer
  bytes?: Uint8Array
  type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'BlockDevice' | 'FIFO'
  link?: string
  claims?: { size?: number }
  /** Says the name in a header of its own, as POSIX has it. */
  isPax?: boolean
}

export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap(({ name, bytes = new Uint8Array(), type = 'File', link, claims, isPax }) => {
    const path = typeof name === 'string' ? name : 'raw'
    const fields = {
      path: isPax ? 'short' : path,
      size: claims?.size ?? bytes.length,
      type,
      linkpath: link,
      mode: 0o644,
      mtime: new Date(0),
    }
    const header = new Header({ ...fields })
    header.encode()
    const block = Buffer.from(header.block!)
    if (typeof name !== 'string') writeName(block, name)
    const pax = isPax ? [new Pax({ path }).encode()] : []
    return [...pax, block, padded(bytes)]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

/** Bytes that are no UTF-8, with the checksum that belongs to them. */
function writeName(block: Buffer, name: Buffer): void {
  block.fill(0, 0, 100)
  name.copy(block, 0, 0, 100)
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
