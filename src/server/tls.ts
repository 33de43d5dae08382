import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:https'

/** Paths of PEM files. */
export interface TlsFiles {
  /** The certificate, and behind it those that it leans on. */
  cert: string
  key: string
}

export interface Pair {
  cert: Buffer
  key: Buffer
}

/** How often the files are read: what is in them counts, however it came there, and they are small. */
const LOOK_MS = 5000

/** @throws an Error with one line that names the variable and what is wrong */
export function readPair(files: TlsFiles): Pair {
  return checked(files, { cert: read('TLS_CERT', files.cert), key: read('TLS_KEY', files.key) })
}

function checked({ cert: certFile, key: keyFile }: TlsFiles, { cert, key }: Pair): Pair {
  const certificate = parsed('TLS_CERT', certFile, 'certificate', () => new X509Certificate(cert))
  const privateKey = parsed('TLS_KEY', keyFile, 'private key without a password', () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`TLS_KEY ${keyFile} is not the key of the certificate TLS_CERT ${certFile}.`)
  }
  return { cert, key }
}

/**
 * Takes a renewed certificate for the connections to come, whoever renews it. A pair that is wrong, or half written, is
 * left alone until it changes again.
 * @param taken  what the server began with
 * @returns ends it
 */
export function renew(
  server: Pick<Server, 'setSecureContext'>,
  files: TlsFiles,
  taken: Pair,
  told: { renewed(): void; failed(error: unknown): void },
  lookMs = LOOK_MS,
): () => void {
  let seen = Buffer.concat([taken.cert, taken.key])
  let problem = ''
  function look(): void {
    try {
      const [cert, key] = [read('TLS_CERT', files.cert), read('TLS_KEY', files.key)]
      const found = Buffer.concat([cert, key])
      if (found.equals(seen)) return
      seen = found
      server.setSecureContext(checked(files, { cert, key }))
      problem = ''
      told.renewed()
    } catch (error) {
      // A file that is gone for a while is told once.
      if ((error as Error).message === problem) return
      problem = (error as Error).message
      told.failed(error)
    }
  }
  const timer = setInterval(look, lookMs).unref()
  return () => clearInterval(timer)
}

function read(name: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Error(`${name} ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    })
  }
}

function parsed<Part>(name: string, file: string, what: string, work: () => Part): Part {
  try {
    return work()
  } catch (error) {
    throw new Error(`${name} ${file} holds no ${what} in PEM.`, { cause: error })
  }
}
