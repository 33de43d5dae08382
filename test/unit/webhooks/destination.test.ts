import type { LookupAddress } from 'node:dns'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDestinations, type Lookup } from '../../../src/webhooks/destination.ts'
import { isPublicAddress } from '../../../src/webhooks/public-address.ts'
import { createSend, type Message } from '../../../src/webhooks/send.ts'
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts'

const PRIVATE = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '203.0.113.7',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '2001:0:1::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'fc00::1',
  'fd12::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
]
const PUBLIC = ['1.1.1.1', '8.8.8.8', '172.32.0.1', '192.169.0.1', '2606:4700:4700::1111', '2a00:1450::1']

/** A name system that answers each question with the next of these, and the last from then on. */
const answering = (...answers: string[][]): Lookup => {
  return (_name, _options, callback) => {
    const [answer = []] = answers.length > 1 ? answers.splice(0, 1) : answers
    const found = answer.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }))
    callback(null, found)
  }
}

describe('where a webhook may lead', () => {
  test('is a public address, and nothing of this machine or its networks', () => {
    expect(PRIVATE.filter(isPublicAddress)).toEqual([])
    expect(PUBLIC.filter((address) => !isPublicAddress(address))).toEqual([])
  })

  test.each(PRIVATE.filter((address) => !address.includes('%')))(
    'is refused as an address, and as what a name leads to: %s',
    async (address) => {
      const host = address.includes(':') ? `[${address}]` : address
      const { check } = createDestinations(false, answering(['8.8.8.8', address]))
      const problem = expect.stringMatching(/no public address\. WEBHOOKS_PRIVATE=true allows others\./)
      expect(await check(`https://${host}/hook`)).toEqual({ problem })
      expect(await check('https://rebound.example/hook')).toEqual({ problem })
    },
  )

  test.each([
    ['http://example.org/', /https:\/\//],
    ['ftp://example.org/', /https:\/\//],
    ['file:///etc/passwd', /https:\/\//],
    ['https://2130706433/', /127\.0\.0\.1 is no public address/],
    ['https://0x7f.1/', /127\.0\.0\.1 is no public address/],
    ['https://anna:secret@example.org/', /no password/],
    ['example.org', /must be a URL/],
    [`https://example.org/${'x'.repeat(2000)}`, /2000 characters/],
  ])('is refused with a sentence: %s', async (url, problem) => {
    const { check } = createDestinations(false, answering(['8.8.8.8']))
    expect(await check(url)).toEqual({ problem: expect.stringMatching(problem) })
  })

  test('is what a public name leads to, without what stands behind #', async () => {
    const { check } = createDestinations(false, answering(['8.8.8.8', '2606:4700::1']))
    expect(await check('https://Example.org/hook?a=b#c')).toEqual({ url: 'https://example.org/hook?a=b' })
  })

  test('is refused when its name leads nowhere', async () => {
    const nowhere: Lookup = (_name, _options, callback) =>
      callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), [])
    expect(await createDestinations(false, nowhere).check('https://none.example/')).toEqual({
      problem: 'none.example leads to no address (ENOTFOUND).',
    })
  })
})

describe('sending', () => {
  let receiver: Receiver
  beforeAll(async () => {
    receiver = await startReceiver()
  })
  afterAll(() => receiver.close())

  const message = (url: string): Message => ({
    url,
    secret: `whsec_${Buffer.alloc(32).toString('base64')}`,
    id: 'an event',
    at: new Date(),
    body: '{}',
  })
  const stays = new AbortController().signal

  test('connects to no private address that a name leads to by then', async () => {
    const { port } = new URL(receiver.url)
    const destinations = createDestinations(false, answering(['8.8.8.8'], ['127.0.0.1']))
    const url = `https://rebound.example:${port}/hook`
    expect(await destinations.check(url)).toEqual({ url })
    const answer = await createSend(destinations, { userAgent: 'test' })(message(url), stays)
    expect(answer).toEqual({ status: null, error: expect.stringMatching(/leads to 127\.0\.0\.1/) })
  })

  test('asks again whether the address itself is allowed', async () => {
    const send = createSend(createDestinations(false), { userAgent: 'test' })
    expect(await send(message('https://127.0.0.1:1/'), stays)).toEqual({
      status: null,
      error: expect.stringMatching(/127\.0\.0\.1 is no public address/),
    })
    expect(receiver.received).toEqual([])
  })

  test('reaches names where private addresses are allowed, follows no redirect, and reads no body', async () => {
    const send = createSend(createDestinations(true, answering(['127.0.0.1'])), { userAgent: 'vggzoo/1' })
    const url = receiver.url.replace('127.0.0.1', 'inside.example')
    expect(await send(message(url), stays)).toEqual({ status: 204, error: null })
    expect((await receiver.next()).headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'vggzoo/1',
    })
    receiver.answer = 307
    expect(await send(message(url), stays)).toEqual({
      status: 307,
      error: 'The receiver answered 307; redirects are not followed.',
    })
    await receiver.next()
    expect(receiver.strays).toBe(0)
  })

  test('ends after its time, or when the server stops', async () => {
    const destinations = createDestinations(true)
    receiver.answer = null
    const impatient = createSend(destinations, { userAgent: 'test', timeoutMs: 20 })
    expect(await impatient(message(receiver.url), stays)).toEqual({
      status: null,
      error: 'There was no answer within 0.02 s.',
    })
    await receiver.next()
    const stopping = new AbortController()
    const answer = createSend(destinations, { userAgent: 'test' })(message(receiver.url), stopping.signal)
    await receiver.next()
    stopping.abort()
    expect(await answer).toEqual({ status: null, error: expect.stringMatching(/abort/) })
  })
})
