import { describe, expect, test } from 'vitest'
import { formatTraceparent, parseTraceparent } from '../../../src/adapters/tracing/traceparent.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

describe('a traceparent', () => {
  test('names a trace, a span in it and whether it is kept', () => {
    const text = `00-${TRACE}-${SPAN}-01`
    expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags: 1, isRemote: true })
    expect(parseTraceparent(` ${text}\t`)).toMatchObject({ spanId: SPAN })
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-00`)).toMatchObject({ traceFlags: 0 })
    expect(formatTraceparent({ traceId: TRACE, spanId: SPAN, traceFlags: 1 })).toBe(text)
  })

  test('of a later version is read as far as it is known', () => {
    expect(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-comes`)).toMatchObject({
      traceId: TRACE,
      spanId: SPAN,
    })
  })

  test.each([
    ['is empty', ''],
    ['has too little', `00-${TRACE}-${SPAN}`],
    ['has more than its version has', `00-${TRACE}-${SPAN}-01-more`],
    ['is of a version that there is not', `ff-${TRACE}-${SPAN}-01`],
    ['names no trace', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['names no span', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['is written in capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['is two of them', `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ['has two lines', `00-${TRACE}-${SPAN}-01\n01-${TRACE}-${SPAN}-01`],
  ])('is none when it %s', (_how, text) => {
    expect(parseTraceparent(text)).toBeNull()
  })
})
