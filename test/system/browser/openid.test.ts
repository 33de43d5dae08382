import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Door, openDoor } from '../../support/door.ts'
import { type GuardedServer, startGuarded } from '../../support/guarded.ts'
import { startProvider, type TestProvider } from '../../support/openid.ts'
import { AXE, violations } from './accessibility.ts'
import { type OpenedBrowser, openBrowser } from './support.ts'

const browserOf = openBrowser()

describe.skipIf(browserOf === null)('signing in with OpenID Connect (apt-get install chromium)', () => {
  let door: Door
  let provider: TestProvider
  let server: GuardedServer
  let browser: OpenedBrowser
  beforeAll(async () => {
    door = await openDoor()
    const people = { bob: { name: 'Bob', groups: ['lab'] }, eve: { name: 'Eve', groups: [] } }
    provider = await startProvider(door.url, people, { terse: true })
    server = await startGuarded(provider.env)
    door.leadTo(server.url)
    browser = await browserOf!()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.stop()
    await provider?.close()
    await door?.close()
  })

  /** A page of somebody whose network has the provider, too. */
  async function newPage(): Promise<Page> {
    const { context, page } = await browser.visit(door.url)
    await context.route(`${provider.issuer}/**`, (route) => route.continue())
    return page
  }

  /** From the page where one signs in to the provider, and through its pages. */
  async function signInAs(page: Page, login: string): Promise<void> {
    await page.getByRole('link', { name: `Sign in with ${new URL(provider.issuer).host}` }).click()
    await page.getByPlaceholder('Enter any login').fill(login)
    await page.getByPlaceholder('and password').fill('any')
    await page.getByRole('button', { name: 'Sign-in' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
  }

  test('leads from a page to the provider and back, with the role that its claim gives', async () => {
    const page = await newPage()
    await page.goto(`${door.url}/runs?search=x`)
    await page.waitForURL('**/login?to=%2Fruns%3Fsearch%3Dx')
    await signInAs(page, 'bob')
    await page.waitForURL(`${door.url}/runs?search=x`)
    await page.getByText('Bob (operator)').waitFor()
    expect(await page.evaluate('document.cookie')).toBe('')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.waitForURL(`${door.url}/login`)
  })

  test('comes with the cookie to what is asked for next, though the way began at another site', async () => {
    const page = await newPage()
    await page.goto(`${door.url}/graphql`)
    await page.waitForURL('**/login?to=%2Fgraphql')
    await signInAs(page, 'bob')
    // Without its cookie the browser would be led to /login again, and not to the playground.
    await page.waitForURL((url) => url.origin === door.url && !url.pathname.startsWith('/login/oidc'))
    expect([page.url(), await page.title()]).toEqual([`${door.url}/graphql`, 'vggzoo'])
  })

  test('says why somebody is not let in, in words that everyone can read, and lets them try again', async () => {
    const page = await newPage()
    await page.context().addInitScript(AXE)
    await page.goto(`${door.url}/login?to=/data`)
    await page.getByRole('link', { name: 'Sign in with' }).click()
    await page.getByRole('link', { name: 'Cancel' }).click()
    await page.getByText('did not let you in, or you changed your mind.').waitFor()
    expect(await violations(page)).toEqual([])
    await signInAs(page, 'eve')
    await page.getByText('none of what it says of you gives you a role here').waitFor()
    expect(await page.evaluate('location.pathname + location.search')).toBe(
      '/login?problem=no-role&to=%2Fdata',
    )
    await page.context().clearCookies({ domain: 'localhost' })
    await signInAs(page, 'bob')
    await page.waitForURL(`${door.url}/data`)
    await page.getByText('Bob (operator)').waitFor()
  })
})
