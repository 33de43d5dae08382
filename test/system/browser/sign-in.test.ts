import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GuardedServer, guardedServer } from '../../support/guarded.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('signing in (apt-get install chromium)', () => {
  let server: GuardedServer
  let browser: OpenedBrowser
  let page: Page
  beforeAll(async () => {
    server = await guardedServer()
    browser = await browserOf!()
    ;({ page } = await browser.visit(server.url))
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test('leads from a page there and back, says who is here, and offers what that one may', async () => {
    const token = await server.token('rita', 'VIEWER')
    await page.goto(`${server.url}/runs?search=x`)
    await page.waitForURL('**/login?to=%2Fruns%3Fsearch%3Dx')
    await page.getByLabel('Token').fill('vgz_wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The token is not valid').waitFor()
    await page.getByLabel('Token').fill(token)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL('**/runs?search=x')
    await page.getByText('rita (viewer)').waitFor()
    expect(await page.evaluate('document.cookie')).toBe('')
    // A link that the browser opens by itself comes with the cookie.
    const playground = await page.request.get(`${server.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(playground.url()).toBe(`${server.url}/graphql`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL('**/login')
    const after = await page.request.get(`${server.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(after.url()).toBe(`${server.url}/login?to=%2Fgraphql`)
  })

  test('is asked for again when the token is revoked, and leads nowhere else than to this server', async () => {
    const token = await server.token('leo', 'OPERATOR')
    for (const elsewhere of ['https://evil.example/runs', '//evil.example/runs', '/.//evil.example/runs']) {
      await page.goto(`${server.url}/login?to=${encodeURIComponent(elsewhere)}`)
      await page.getByLabel('Token').fill(token)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.waitForURL((url) => url.pathname !== '/login')
      expect(new URL(page.url()).origin).toBe(server.url)
    }
    await page.goto(`${server.url}/runs`)
    await page.getByText('leo (operator)').waitFor()
    const { data } = await server.ask(server.admin, '{ tokens(first: 1) { edges { node { id } } } }')
    const { id } = data.tokens.edges[0].node
    await server.ask(server.admin, `mutation { revokeToken(id: "${id}") { __typename } }`)
    await page.waitForURL('**/login?to=%2Fruns')
    expect(browser.elsewhere).toEqual([])
  })
})
