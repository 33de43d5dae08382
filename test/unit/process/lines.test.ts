import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { eachLine } from '../../../src/process/lines.ts'

/** What comes of these chunks, each delivered by itself. */
async function linesOf(chunks: (string | Uint8Array)[], maxLength?: number): Promise<string[]> {
  const input = new PassThrough()
  const lines: string[] = []
  eachLine(input, (line) => lines.push(line), maxLength)
  for (const chunk of chunks) input.write(chunk)
  input.end()
  await finished(input)
  return lines
}

test('lines end with any line end, wherever the chunks break, and empty ones do not count', async () => {
  expect(await linesOf(['a\r', '\nb', 'c\n\n10 %\r20 %\r', 'the rest'])).toEqual([
    'a',
    'bc',
    '10 %',
    '20 %',
    'the rest',
  ])
})

test('a character that is split between two chunks is whole, and bytes that are no text become U+FFFD', async () => {
  const [one, two, three] = Buffer.from('€')
  expect(await linesOf([Uint8Array.of(one, two), Uint8Array.of(three, 0xff, 0x41)])).toEqual(['€\uFFFDA'])
})

test('a line that is too long is cut, says so, and splits no character', async () => {
  expect(await linesOf(['12345678\n', '12345', '6789', '\n'], 8)).toEqual(['12345678', '12345678… (1 more)'])
  expect(await linesOf(['1234567😀8', '9\nnext'], 8)).toEqual(['1234567… (4 more)', 'next'])
})

test('of a line without end no more is held than of any long line', async () => {
  const chunk = 'x'.repeat(65_536)
  const lines = await linesOf(new Array(16).fill(chunk))
  expect(lines).toEqual([`${'x'.repeat(4000)}… (${16 * 65_536 - 4000} more)`])
})

test('a process that prints without end is read in turns, and nothing of it is lost', async () => {
  const input = new PassThrough({ highWaterMark: 4 * 1024 * 1024 })
  let lines = 0
  eachLine(input, () => {
    lines += 1
  })
  const waits = once(input, 'pause')
  for (let i = 0; i < 1000; i++) input.write(`${'x'.repeat(599)}\n`)
  await waits
  expect(lines).toBeLessThan(500)
  input.end()
  await finished(input)
  expect(lines).toBe(1000)
})
