import { signal } from '@preact/signals'
import { OperationError } from '../../src/client/errors.ts'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { go } from '../router.ts'
import { client } from './api.ts'

const VIEWER = graphql(`
  query WhoAmI {
    viewer { name role kind }
  }
`)

/** Who looks at the page; null before that is known. */
export const viewer = signal<ResultOf<typeof VIEWER>['viewer'] | null>(null)

const ROLES = ['VIEWER', 'OPERATOR', 'ADMIN'] as const

/** Whether a page offers what a role may; the server has the last word. */
export function mayAs(role: (typeof ROLES)[number]): boolean {
  return viewer.value === null || ROLES.indexOf(viewer.value.role) >= ROLES.indexOf(role)
}

/** Asks who that is, and leads to where one signs in if the server wants to know. */
export async function askViewer(): Promise<void> {
  try {
    viewer.value = (await client.query(VIEWER, {})).viewer
  } catch (error) {
    if (error instanceof OperationError && error.code === 'UNAUTHENTICATED') toSignIn()
  }
}

function toSignIn(): void {
  viewer.value = null
  const { pathname, search } = window.location
  if (pathname !== '/login')
    go(`/login?${new URLSearchParams({ to: `${pathname}${search}` })}`, { replace: true })
}

/** What was open with the token ends with it: then somebody else may be here, or nobody. */
export function watchViewer(): void {
  void askViewer()
  client.onConnection(({ status }) => {
    if (status === 'disconnected') void askViewer()
  })
}

/** By what else than a token one signs in: a provider's host, and the address that leads there; null for nothing. */
export async function openIdOffer(): Promise<{ host: string; url: string } | null> {
  const answer = await fetch('/login/methods')
  return answer.ok ? ((await answer.json()) as { openId: { host: string; url: string } | null }).openId : null
}

/** Sends a token and gets a cookie for it. Answers why not, or null. */
export async function signIn(token: string): Promise<string | null> {
  const answer = await post('/login', { token })
  return answer.ok ? null : ((await answer.json()) as { message: string }).message
}

export async function signOut(): Promise<void> {
  await post('/logout', {})
  // Nothing of what was read stays in the page.
  window.location.assign('/login')
}

function post(path: string, body: object): Promise<Response> {
  return fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}
