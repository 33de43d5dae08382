import { useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { moment, percent } from '../format.ts'
import { useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { accept, otherProblem, problemsOf } from '../live/refusal.ts'
import { useStream } from '../live/stream.ts'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { Panel } from '../parts/panel.tsx'

const ALIASES = graphql(`
  query Aliases($name: String!) {
    model(name: $name) {
      aliases { id name protected movedAt version { id version } }
      versions(first: 100) { edges { node { id version accuracy } } }
    }
  }
`)

const MOVED = graphql(`
  subscription ModelAliasMoved { aliasMoved { id } }
`)

const SET = graphql(`
  mutation SetAlias($input: SetModelAliasInput!) {
    setModelAlias(input: $input) {
      __typename
      ... on ModelAlias { id }
      ... on Error { message }
      ... on ValidationError { issues { path message } }
    }
  }
`)

const DELETE = graphql(`
  mutation DeleteAlias($input: ModelAliasInput!) {
    deleteModelAlias(input: $input) {
      __typename
      ... on ModelAlias { id }
      ... on Error { message }
    }
  }
`)

type Model = NonNullable<ResultOf<typeof ALIASES>['model']>
type Version = Model['versions']['edges'][number]['node']

interface Props {
  model: string
  /** The version that one looks at. */
  version?: number
}

/** Movable names of versions: to move, to protect, to delete, and to make. They are live. */
export function Aliases({ model, version }: Props) {
  const { data, error, refresh } = useQuery(ALIASES, { name: model })
  useStream(MOVED, {}, refresh)
  if (data === null) return error === null ? null : <Failure error={error} />
  if (data.model === null) return null
  const versions = data.model.versions.edges.map(({ node }) => node)
  const { aliases } = data.model
  return (
    <Panel title="Aliases" query={{ text: QUERY, variables: { name: model } }}>
      {aliases.length === 0 && (
        <p class="muted">
          None yet. An alias, such as champion, names a version that can be changed at once for everybody who
          asks by it.
        </p>
      )}
      {aliases.length > 0 && (
        <ul class="aliases">
          {aliases.map((alias) => (
            <AliasRow
              key={alias.id}
              model={model}
              alias={alias}
              versions={versions}
              isHere={alias.version.version === version}
              onDone={refresh}
            />
          ))}
        </ul>
      )}
      {versions.length > 0 && (
        <NewAlias versions={versions} version={version} aliases={aliases} onDone={refresh} />
      )}
    </Panel>
  )
}

const QUERY = `query Aliases($name: String!) {
  model(name: $name) { aliases { name protected movedAt version { version } } }
}`

interface RowProps {
  model: string
  alias: Model['aliases'][number]
  versions: readonly Version[]
  isHere: boolean
  onDone: () => void
}

function AliasRow({ model, alias, versions, isHere, onDone }: RowProps) {
  const doing = useDoing()
  const { name, version } = alias
  const set = (input: { versionId: string; protected?: boolean }) =>
    void doing
      .run(async (client) => {
        const { setModelAlias } = await client.mutate(SET, { input: { name, ...input } })
        return accept(setModelAlias, 'ModelAlias')
      })
      .then(onDone)
  const remove = () =>
    void doing
      .run(async (client) => {
        const { deleteModelAlias } = await client.mutate(DELETE, { input: { model, name } })
        return accept(deleteModelAlias, 'ModelAlias')
      })
      .then(onDone)
  const others = versions.filter(({ id }) => id !== version.id)
  return (
    <li class="stack">
      <div class="row">
        <span class={`alias ${isHere ? 'here' : ''}`}>
          <b>{name}</b> →{' '}
          <a href={`/models/${encodeURIComponent(model)}/${version.version}`}>version {version.version}</a>
          {alias.protected && <span class="muted"> · protected</span>}
        </span>
        <span class="small muted">since {moment(alias.movedAt)}</span>
        <label class="row small">
          <span class="muted">
            Move<span class="spoken"> {name}</span> to
          </span>
          <select
            value=""
            disabled={doing.asked || alias.protected || others.length === 0}
            onChange={(event) => {
              set({ versionId: event.currentTarget.value })
              event.currentTarget.value = ''
            }}
          >
            <option value="">…</option>
            {others.map((other) => (
              <option key={other.id} value={other.id}>
                {nameOf(other)}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          disabled={doing.asked}
          aria-pressed={alias.protected}
          title="A protected alias does not move until it is free again"
          onClick={() => set({ versionId: version.id, protected: !alias.protected })}
        >
          Protect<span class="spoken">ed: {name}</span>
        </button>
        <button
          type="button"
          disabled={doing.asked || alias.protected}
          onClick={() => {
            if (window.confirm(`Delete the alias ${name}? Who asks by it gets no answer; the version stays.`))
              remove()
          }}
        >
          Delete<span class="spoken"> {name}</span>
        </button>
      </div>
      {doing.error !== null && <Failure error={doing.error} />}
    </li>
  )
}

interface NewProps {
  versions: readonly Version[]
  version: number | undefined
  aliases: Model['aliases']
  onDone: () => void
}

function NewAlias({ versions, version, aliases, onDone }: NewProps) {
  const doing = useDoing()
  const [name, setName] = useState('')
  const [chosen, choose] = useState<string | null>(null)
  const versionId = chosen ?? (versions.find((it) => it.version === version) ?? versions[0])?.id ?? ''
  const taken = aliases.find((alias) => alias.name === name)
  const isProtected = taken?.protected ?? false
  const set = async () => {
    const made = await doing.run(async (client) => {
      const { setModelAlias } = await client.mutate(SET, { input: { name, versionId } })
      return accept(setModelAlias, 'ModelAlias')
    })
    if (made !== null) setName('')
    onDone()
  }
  const other = otherProblem(doing.error, ['name', 'versionId'])
  return (
    <form
      class="row"
      style={{ alignItems: 'start' }}
      onSubmit={(event) => {
        event.preventDefault()
        void set()
      }}
    >
      <Field
        label="New alias"
        hint={isProtected ? 'It is protected: it does not move.' : undefined}
        problems={problemsOf(doing.error, 'name')}
      >
        {(control) => (
          <input
            {...control}
            value={name}
            placeholder={aliases.some((alias) => alias.name === 'champion') ? 'candidate' : 'champion'}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label="Version it stands for" problems={problemsOf(doing.error, 'versionId')}>
        {(control) => (
          <select {...control} value={versionId} onChange={(event) => choose(event.currentTarget.value)}>
            {versions.map((it) => (
              <option key={it.id} value={it.id}>
                {nameOf(it)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div class="field">
        <span class="label" aria-hidden="true">
          &nbsp;
        </span>
        <button type="submit" disabled={doing.asked || name === '' || isProtected}>
          {taken === undefined ? 'Set it' : 'Move it'}
        </button>
      </div>
      {other !== null && <Failure error={other} />}
    </form>
  )
}

function nameOf({ version, accuracy }: Version): string {
  return accuracy === null ? `version ${version}` : `version ${version} (${percent(accuracy)})`
}
