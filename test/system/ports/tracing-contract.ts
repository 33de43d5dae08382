import { describe, expect, test } from 'vitest'
import type { Tracing } from '../../../src/ports/tracing.ts'

/** What every implementation of the port Tracing must do. */
export function describeTracing(open: () => Promise<Tracing>): void {
  describe('tracing', () => {
    test('takes a span with all that can be said of it, and names it exactly where somebody looks', async () => {
      const tracing = await open()
      const outer = tracing.begin('outer', { kind: 'server', attributes: { text: '', count: 0, yes: true } })
      const inner = tracing.begin('inner', {
        parent: outer.traceparent,
        links: [outer.traceparent ?? '', 'not a traceparent'],
        since: performance.now() - 1,
      })
      inner.set({ more: 1.5 })
      inner.fail('INTERNAL_SERVER_ERROR', 'the disk is on fire')
      inner.end(performance.now())
      outer.end()
      tracing.begin('elsewhere', { parent: 'not a traceparent', since: new Date(0) }).end()
      for (const { traceparent } of [outer, inner])
        expect(traceparent ?? '').toMatch(tracing.isOn ? /^00-[\da-f]{32}-[\da-f]{16}-0[01]$/ : /^$/)
      await tracing.close()
    })

    test('takes what ends behind its own end, and may be closed twice', async () => {
      const tracing = await open()
      const span = tracing.begin('late')
      await tracing.close()
      span.end()
      tracing.begin('later').end()
      await tracing.close()
    })
  })
}
