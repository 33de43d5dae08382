import { percent } from '../format.ts'
import { setParams } from '../router.ts'
import { readModel, writeModel } from './address.ts'
import type { Chosen } from './model.ts'

/** Which model is asked, and which of its versions. The address keeps it. */
export function ModelChoice({ text, chosen }: { text: string | null; chosen: Chosen }) {
  const asked = readModel(text)
  const { choices, problem } = chosen
  if (choices === null) return null
  const { names, aliases, versions } = choices
  const isKnown = asked === null || names.includes(asked.name)
  return (
    <div class="row" style={{ alignItems: 'end' }}>
      <div class="field">
        <label for="model">Model</label>
        <select
          id="model"
          value={asked?.name ?? ''}
          aria-describedby={problem === null ? undefined : 'model-problem'}
          onChange={(event) => {
            const name = event.currentTarget.value
            setParams({ model: name === '' ? null : writeModel(name) })
          }}
        >
          <option value="">The newest that answers</option>
          {!isKnown && <option value={asked.name}>{asked.name}</option>}
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </div>
      {asked !== null && (
        <div class="field">
          <label for="version">Version</label>
          <select
            id="version"
            value={asked.which}
            onChange={(event) => {
              const which = event.currentTarget.value
              setParams({ model: writeModel(asked.name, which) })
            }}
          >
            <option value="">The newest</option>
            {aliases.length > 0 && (
              <optgroup label="Aliases">
                {aliases.map(({ name, version }) => (
                  <option key={name} value={name}>
                    {name} (version {version.version})
                  </option>
                ))}
              </optgroup>
            )}
            <optgroup label="Versions">
              {versions.map(({ version, accuracy }) => (
                <option key={version} value={String(version)}>
                  {version}
                  {accuracy === null ? '' : ` (${percent(accuracy)})`}
                </option>
              ))}
            </optgroup>
          </select>
        </div>
      )}
      {problem !== null && (
        <p class="problem" id="model-problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}
