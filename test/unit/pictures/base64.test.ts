import { describe, expect, test } from 'vitest'
import { ValidationError } from '../../../src/errors.ts'
import { decodeBase64 } from '../../../src/pictures/base64.ts'

const BYTES = Buffer.from([0xfb, 0xff, 0xbf, 0x01])

describe('the bytes of a picture are read', () => {
  test.each([
    ['of base64', '+/+/AQ=='],
    ['without padding', '+/+/AQ'],
    ['of base64url', '-_-_AQ'],
    ['of broken lines', ' +/+/\r\n\tAQ\n==\n'],
    ['of a data: URL', 'data:image/png;base64,+/+/AQ=='],
    ['of one in capitals', 'DATA:image/PNG;BASE64,+/+/AQ=='],
    ['of one without a type', 'data:;base64,+/+/AQ=='],
    ['of one with parameters', 'data:image/png;name=a.png; base64 ,+/+/AQ=='],
    ['of one with its signs encoded', 'data:image/png;base64,%2B%2f%2B/AQ%3D%3D'],
    ['of one with blanks around', '\n data:image/png;base64, +/+/AQ== '],
  ])('%s', (_what, text) => {
    expect(Buffer.from(decodeBase64(text))).toEqual(BYTES)
  })

  test.each(['', ' \n', 'data:,'.replace(',', ';base64,'), 'data:image/png;base64,', '=='])(
    'of nothing, which is no bytes: %j',
    (text) => {
      expect(decodeBase64(text)).toHaveLength(0)
    },
  )
})

describe('text that is not base64 is refused', () => {
  test.each([
    ['other signs', '+/+/AQ!='],
    ['a percent sign out of a URL', '%2B/+/AQ=='],
    ['half of an encoded sign', 'data:image/png;base64,AQ%3'],
    ['a digit that is left over', 'AAAAA'],
    ['padding in its midst', 'AQ==AQ=='],
    ['letters of another script', 'АQ=='],
    ['a data: URL that is not in base64', 'data:image/svg+xml,<svg/>'],
    ['one that only names a type like it', 'data:image/base64,AQ=='],
    ['one of a type beside it', 'data:image/png;base640,AQ=='],
  ])('%s', (_what, text) => {
    expect(() => decodeBase64(text)).toThrow(ValidationError)
  })
})
