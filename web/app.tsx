import { effect } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { disconnected } from './live/api.ts'
import { Banner } from './parts/banner.tsx'
import { Failure } from './parts/failure.tsx'
import { Top } from './parts/top.tsx'
import { match, path } from './router.ts'

type Page = ComponentType<Record<string, string>>

/** Which page a path is, loaded when it is first seen. The server answers with the dashboard for these paths: PAGES in src/server/addresses.ts. */
const PAGES: readonly [pattern: string, load: () => Promise<{ default: unknown }>][] = [
  ['/', () => import('./pages/home.tsx')],
  ['/runs', () => import('./pages/runs.tsx')],
  ['/runs/:number', () => import('./pages/run.tsx')],
  ['/new', () => import('./pages/new.tsx')],
  ['/compare', () => import('./pages/compare.tsx')],
  ['/predict', () => import('./pages/predict.tsx')],
  ['/models', () => import('./pages/models.tsx')],
  ['/models/:name', () => import('./pages/model.tsx')],
  ['/models/:name/:version', () => import('./pages/version.tsx')],
  ['/networks', () => import('./pages/networks.tsx')],
  ['/networks/new', () => import('./pages/new-network.tsx')],
  ['/networks/:name', () => import('./pages/network.tsx')],
  ['/data', () => import('./pages/data.tsx')],
  ['/data/:name', () => import('./pages/dataset.tsx')],
  ['/system', () => import('./pages/system.tsx')],
  ['/login', () => import('./pages/login.tsx')],
]

function pageAt(
  at: string,
): { load: () => Promise<{ default: unknown }>; props: Record<string, string> } | null {
  for (const [pattern, load] of PAGES) {
    const props = match(pattern, at)
    if (props !== null) return { load, props }
  }
  return null
}

// Its scripts come while what is around it is drawn.
pageAt(path.peek())
  ?.load()
  .catch(() => {})

export function App() {
  return (
    <div class={disconnected.value ? 'stale' : ''}>
      <a class="skip button" href="#main">
        Skip to the page
      </a>
      <Top />
      <Banner />
      <main id="main" tabIndex={-1}>
        <CurrentPage />
      </main>
    </div>
  )
}

function CurrentPage() {
  const [shown, show] = useState<{ Page: Page; props: Record<string, string>; at: string } | null>(null)
  const [error, fail] = useState<Error | null>(null)
  const current = useRef('')
  const follow = () => {
    const at = path.value
    current.current = at
    const page = pageAt(at)
    if (page === null) {
      show(null)
      fail(new Error(`There is no page ${at}.`))
      return
    }
    page.load().then(
      (module) => {
        if (current.current !== at) return
        fail(null)
        show({ Page: module.default as Page, props: page.props, at })
      },
      // A newer server has other files: the page is to be loaded again.
      () => fail(new Error('This page could not be loaded. Reload it: the server may have been updated.')),
    )
  }
  // Not behind the first frame, which has nothing to show before the page is there.
  useLayoutEffect(() => effect(follow), [])
  const first = useRef(true)
  useEffect(() => {
    if (shown === null) return
    // Whoever listens or types goes on from the top of the new page.
    if (!first.current) document.getElementById('main')?.focus({ preventScroll: true })
    first.current = false
  }, [shown?.at])
  if (error !== null) return <Failure error={error} />
  // A page of other parts is another page: nothing of the one before may stay.
  return shown === null ? null : <shown.Page key={shown.at} {...shown.props} />
}
