import { ValidationError } from '../errors.ts'

/** `data:image/png;name=a.png;base64,`: up to the first comma, in any case (RFC 2397; fetch.spec.whatwg.org, data: URLs). */
const DATA_URL = /^\s*data:([^,]*),/i

/**
 * The bytes of a picture as text: base64 or base64url, broken into lines or not, with or without padding, alone or as a
 * data: URL. Nothing at all is no bytes.
 *
 * @throws ValidationError for text that is something else: Buffer would skip over what it cannot read
 */
export function decodeBase64(text: string): Uint8Array {
  return decodePlain(text) ?? decodeAny(text)
}

/**
 * Null for text that is more than digits with their padding: Buffer skips over everything else, and then has fewer bytes
 * than so many digits make.
 */
function decodePlain(text: string): Uint8Array | null {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const digits = text.length - padding
  // Of other characters than ASCII, Buffer takes a part for one.
  if (digits % 4 === 1 || Buffer.byteLength(text) !== text.length) return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === Math.floor((digits * 3) / 4) ? bytes : null
}

function decodeAny(text: string): Uint8Array {
  const [prefix, parameters] = DATA_URL.exec(text) ?? []
  let body = text
  if (prefix !== undefined) {
    if (!/;\s*base64\s*$/i.test(parameters)) throw notBase64('The data: URL is not in base64.')
    body = text
      .slice(prefix.length)
      .replace(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  const digits = body.replace(/\s+/g, '').replace(/={1,2}$/, '')
  // A last digit alone is less than a byte.
  if (!/^[\w+/-]*$/.test(digits) || digits.length % 4 === 1) throw notBase64('This is not base64.')
  return Buffer.from(digits, 'base64')
}

function notBase64(message: string): ValidationError {
  return new ValidationError([{ path: ['image', 'base64'], message }])
}
