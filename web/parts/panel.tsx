import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import type { Document } from '../../src/client/document.ts'
import { playground } from '../live/playground.ts'

/** What a panel shows, as the playground opens it. */
export interface PanelQuery {
  text: Document | string
  variables?: object
}

interface Props {
  title: string
  /** What an address calls it: #loss. */
  anchor?: string
  /** What stands beside the title. */
  tools?: ComponentChildren
  /** What it shows, to be opened in the playground. */
  query?: PanelQuery
  children: ComponentChildren
}

export function Panel({ title, anchor, tools, query, children }: Props) {
  const id = useId()
  return (
    <section class="panel" id={anchor} aria-labelledby={id}>
      <div class="row spread">
        <h2 id={id}>{title}</h2>
        <div class="row">
          {tools}
          {query !== undefined && (
            <a class="small" href={playground(query.text, query.variables)}>
              Show the query
            </a>
          )}
        </div>
      </div>
      {children}
    </section>
  )
}
