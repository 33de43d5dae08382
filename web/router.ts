import { computed, signal } from '@preact/signals'

const address = signal(new URL(window.location.href))

/** Where the page is: what is in the address is what it shows, so that a copied link shows the same. */
export const path = computed(() => address.value.pathname)
export const params = computed(() => address.value.searchParams)

export function go(to: string, { replace = false } = {}): void {
  const next = new URL(to, window.location.href)
  if (next.href === address.value.href) return
  const samePage = next.pathname === address.value.pathname
  window.history[replace ? 'replaceState' : 'pushState'](null, '', next)
  address.value = next
  if (!replace && !samePage) window.scrollTo(0, 0)
}

/** Changes what the address says after the question mark; null takes a parameter away. Going back skips such a change. */
export function setParams(changes: Readonly<Record<string, string | null>>): void {
  const next = new URL(address.value)
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) next.searchParams.delete(name)
    else next.searchParams.set(name, value)
  }
  go(next.href, { replace: true })
}

/** Follows what the server answers with other things than pages in the usual way. */
const NOT_PAGES = /^\/(graphql|downloads|health|assets|login\/oidc)(\/|$)/

/** Makes links between pages change the page alone. */
export function startRouter(): void {
  window.addEventListener('popstate', () => {
    address.value = new URL(window.location.href)
  })
  document.addEventListener('click', (event) => {
    const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey
    if (event.defaultPrevented || event.button !== 0 || modified) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || link.target !== '' || link.hasAttribute('download')) return
    const to = new URL(link.href)
    if (to.origin !== window.location.origin || NOT_PAGES.test(to.pathname)) return
    if (to.hash !== '' && to.pathname === address.value.pathname) return
    event.preventDefault()
    go(to.href)
  })
}

/** Whether a path is one of a pattern as /runs/:number, and with which parts. */
export function match(pattern: string, pathname: string): Record<string, string> | null {
  const names = pattern.split('/')
  const parts = pathname.replace(/(?<=.)\/$/, '').split('/')
  if (names.length !== parts.length) return null
  const found: Record<string, string> = {}
  for (const [i, name] of names.entries()) {
    if (!name.startsWith(':')) {
      if (name !== parts[i]) return null
      continue
    }
    try {
      found[name.slice(1)] = decodeURIComponent(parts[i]!)
    } catch {
      return null
    }
  }
  return found
}

/** The number that a part of a path is, from 0; null where it is none that a run or a version has. */
export function numberOf(part: string): number | null {
  return /^\d{1,9}$/.test(part) ? Number(part) : null
}
