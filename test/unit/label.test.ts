import { expect, test } from 'vitest'
import { isKey, readLabel } from '../../src/label.ts'

test.each([
  ['as it is', 'Büro 7 – ψ 日本 עברית فارسی', 'Büro 7 – ψ 日本 עברית فارسی'],
  ['without blanks at its ends, of whatever kind', '\u00A0 \t\na b\u3000\r\n', 'a b'],
  ['in normal form C', 'Cafe\u0301', 'Caf\u00E9'],
  [
    'with the joiners of Persian and emoji',
    'می\u200Cخواهم 👨\u200D👩\u200D👧 ❤\uFE0F',
    'می\u200Cخواهم 👨\u200D👩\u200D👧 ❤\uFE0F',
  ],
  ['up to 200 characters that take two code units each', '🐈'.repeat(200), '🐈'.repeat(200)],
  ['up to 200 characters that were written as two each', 'e\u0301'.repeat(200), '\u00E9'.repeat(200)],
])('a label is kept %s', (_how, text, label) => {
  expect(readLabel(text)).toBe(label)
})

test.each([
  ['nothing', ''],
  ['blanks', ' \t\u3000'],
  ['only what is not seen', '\u200D\u200C'],
  ['only a mark without its letter', '\u0301'],
  ['a NUL', 'a\0b'],
  ['a line end', 'a\nb'],
  ['a tab', 'a\tb'],
  ['a C1 control', 'a\u0085b'],
  ['a line separator', 'a\u2028b'],
  ['an escape', 'a\u001B[31mb'],
  ['a mark that turns the direction', 'a\u202Eb'],
  ['an isolate', 'a\u2066b\u2069'],
  ['a space without width', 'a\u200Bb'],
  ['a byte order mark', 'a\uFEFFb'],
  ['a soft hyphen', 'a\u00ADb'],
  ['tags that are not seen', 'a\u{E0041}b'],
  ['half of a surrogate pair', 'a\uD83D'],
  ['201 characters', 'x'.repeat(201)],
  ['201 characters that take two code units each', '🐈'.repeat(201)],
])('%s is no label', (_what, text) => {
  expect(readLabel(text)).toBeNull()
})

test('a key counts as it is, and is text that the database can keep', () => {
  expect([' a', 'a\nb', '🐈'.repeat(200)].map(isKey)).toEqual([true, true, true])
  expect(['', ' ', 'a\0', '\uD83D', 'x'.repeat(201)].map(isKey)).toEqual([false, false, false, false, false])
})
