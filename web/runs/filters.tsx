import { useEffect, useRef } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { words } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { setParams } from '../router.ts'
import { COLUMNS, type Column } from './columns.tsx'
import { isTyping } from './keys.ts'
import { STATUSES, type View } from './view.ts'

const NETWORKS = graphql(`
  query NetworkNames { architectures(first: 100) { edges { node { name } } } }
`)

/** Which runs are listed: all that it does is to change the address. */
export function Filters({ view, columns }: { view: View; columns: readonly Column[] }) {
  const search = useRef<HTMLInputElement>(null)
  const { data } = useQuery(NETWORKS, {})
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '/' || isTyping(event)) return
      event.preventDefault()
      search.current?.focus()
      search.current?.select()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  const names = data?.architectures.edges.map(({ node }) => node.name) ?? []
  const known =
    view.architecture === null || names.includes(view.architecture) ? names : [view.architecture, ...names]
  return (
    <search class="stack filters">
      <div class="row">
        <label class="row">
          <span class="small muted">Search</span>
          <input
            ref={search}
            type="search"
            value={view.search}
            placeholder="name or #42"
            aria-keyshortcuts="/"
            onKeyDown={(event) => {
              // What was found is gone through by other keys.
              if (event.key === 'Enter') document.querySelector<HTMLElement>('.runs-box')?.focus()
            }}
            onInput={(event) => setParams({ q: event.currentTarget.value || null })}
          />
        </label>
        <label class="row">
          <span class="small muted">Network</span>
          <select
            value={view.architecture ?? ''}
            onChange={(event) => setParams({ arch: event.currentTarget.value || null })}
          >
            <option value="">all</option>
            {known.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <Columns view={view} columns={columns} />
      </div>
      <fieldset class="row chips">
        <legend class="spoken">Status</legend>
        {STATUSES.map((status) => {
          const isOn = view.status.includes(status)
          const next = isOn ? view.status.filter((one) => one !== status) : [...view.status, status]
          return (
            <button
              key={status}
              type="button"
              class="chip"
              aria-pressed={isOn}
              onClick={() => setParams({ status: next.join(',') || null })}
            >
              {words(status)}
            </button>
          )
        })}
      </fieldset>
    </search>
  )
}

/** Which columns are shown; those that differ unless somebody chose. */
function Columns({ view, columns }: { view: View; columns: readonly Column[] }) {
  const shown = columns.map(({ id }) => id)
  const choose = (id: string) => {
    const next = shown.includes(id) ? shown.filter((one) => one !== id) : [...shown, id]
    setParams({ cols: next.join(',') })
  }
  return (
    <details class="chooser">
      <summary class="button">Columns</summary>
      <div class="panel">
        <fieldset>
          <legend>Columns</legend>
          {COLUMNS.map(({ id, title }) => (
            <label key={id} class="row small">
              <input type="checkbox" checked={shown.includes(id)} onChange={() => choose(id)} /> {title}
            </label>
          ))}
        </fieldset>
        <button type="button" disabled={view.columns === null} onClick={() => setParams({ cols: null })}>
          Only what differs
        </button>
      </div>
    </details>
  )
}
