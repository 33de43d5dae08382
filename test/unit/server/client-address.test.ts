import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createClientAddress, isProxyList } from '../../../src/server/client-address.ts'

const request = (remoteAddress: string, forwarded?: string) => ({
  socket: { remoteAddress } as Socket,
  headers: { 'x-forwarded-for': forwarded },
})

test('without a proxy of its own, what a client says of its address counts for nothing', () => {
  const addressOf = createClientAddress([])
  expect(addressOf(request('198.51.100.7', '203.0.113.1'))).toBe('198.51.100.7')
  expect(addressOf(request('::ffff:198.51.100.7'))).toBe('198.51.100.7')
})

test.each([
  ['127.0.0.1', '203.0.113.1', '203.0.113.1'],
  ['::1', '203.0.113.1', '203.0.113.1'],
  ['127.0.0.1', '192.0.2.9, 203.0.113.1', '203.0.113.1'],
  ['127.0.0.1', '203.0.113.1, 10.1.2.3', '203.0.113.1'],
  ['127.0.0.1', '2001:db8::5', '2001:db8::5'],
  ['127.0.0.1', undefined, '127.0.0.1'],
  ['127.0.0.1', 'nonsense', '127.0.0.1'],
  ['198.51.100.7', '203.0.113.1', '198.51.100.7'],
])('from %s, forwarded for %s, it is %s', (remoteAddress, forwarded, address) => {
  const addressOf = createClientAddress(['loopback', '10.0.0.0/8'])
  expect(addressOf(request(remoteAddress, forwarded))).toBe(address)
})

test('a list of proxies has addresses, subnets and three names', () => {
  expect(isProxyList(['loopback', '10.0.0.0/8', '2001:db8::/32', '192.0.2.1'])).toBe(true)
  for (const wrong of ['true', '10.0.0.0/99', 'proxy.example.org']) expect(isProxyList([wrong])).toBe(false)
})
