import type { ComponentChildren } from 'preact'
import { count } from '../format.ts'
import { Panel } from '../parts/panel.tsx'
import { VERSION, type Version } from './documents.ts'

/** Where the weights come from, from the first run to the version. */
export function Lineage({ version }: { version: Version }) {
  return (
    <Panel title="Lineage" query={{ text: VERSION, variables: { id: version.id } }}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="From the first run to the version">
        <ol class="lineage">{stations(version)}</ol>
      </section>
    </Panel>
  )
}

function stations({ origin, source, run, checkpoint, version, model }: Version) {
  const here = (
    <Station key="here" kind="version" isHere>
      {model.name} version {version}
    </Station>
  )
  if (origin === 'IMPORTED') {
    return [
      <Station key="file" kind="imported from">
        {source ?? 'a file'}
      </Station>,
      here,
    ]
  }
  const all = []
  for (let at: Ancestor | null | undefined = run; at != null; at = at.parent) {
    all.unshift(
      <Station key={at.number} kind={at === run ? 'run' : 'parent run'}>
        <a href={`/runs/${at.number}`}>
          #{at.number} {at.name}
        </a>
        {at.parentStep != null && <span class="muted"> from step {count(at.parentStep)} on</span>}
      </Station>,
    )
  }
  if (run === null) {
    all.push(
      <Station key="gone" kind="run">
        <span class="muted">was deleted</span>
      </Station>,
    )
  }
  if (checkpoint !== null) {
    all.push(
      <Station key="checkpoint" kind="checkpoint">
        step {count(checkpoint.step)} <span class="muted">after epoch {checkpoint.epoch}</span>
      </Station>,
    )
  }
  return [...all, here]
}

interface Ancestor {
  number: number
  name: string
  parentStep?: number | null
  parent?: Ancestor | null
}

function Station({
  kind,
  isHere = false,
  children,
}: {
  kind: string
  isHere?: boolean
  children: ComponentChildren
}) {
  return (
    <li>
      <div class={`station ${isHere ? 'here' : ''}`} aria-current={isHere ? 'true' : undefined}>
        <span class="small muted">{kind}</span>
        <span>{children}</span>
      </div>
    </li>
  )
}
