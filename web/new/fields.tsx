import { useId } from 'preact/hooks'
import { Field } from '../parts/field.tsx'
import type { Values } from './values.ts'

/** The form as its fields see it. */
export interface Form {
  values: Values
  set(name: string, value: string): void
  /** What is wrong with a field. */
  problem(name: string): string | undefined
  /** What a field that is left empty comes to. */
  placeholder(name: string): string | undefined
}

interface FieldProps {
  form: Form
  /** Its path in StartTrainingRunInput. */
  name: string
  label: string
  hint?: string
}

/** A line to type a number or a word into. */
export function Line({ numeric = true, ...field }: FieldProps & { numeric?: boolean }) {
  const { form, name } = field
  return (
    <Labelled {...field}>
      {(ids) => (
        <input
          {...ids}
          value={form.values[name] ?? ''}
          placeholder={form.placeholder(name)}
          inputMode={numeric ? 'decimal' : undefined}
          autoComplete="off"
          onInput={(event) => form.set(name, event.currentTarget.value)}
        />
      )}
    </Labelled>
  )
}

/** Several lines of text. */
export function Text(field: FieldProps) {
  const { form, name } = field
  return (
    <Labelled {...field}>
      {(ids) => (
        <textarea
          {...ids}
          rows={3}
          value={form.values[name] ?? ''}
          onInput={(event) => form.set(name, event.currentTarget.value)}
        />
      )}
    </Labelled>
  )
}

/** Characters of an option that a column of the form has no room for. */
const LONG = 22

/** One of several. */
export function Choice({
  options,
  ...field
}: FieldProps & { options: readonly (readonly [value: string, title: string])[] }) {
  const { form, name } = field
  return (
    <Labelled {...field}>
      {(ids) => (
        <select
          {...ids}
          class={options.some(([, title]) => title.length > LONG) ? 'long' : undefined}
          // The first is what the server takes where nothing is said.
          value={form.values[name] || options[0]?.[0]}
          onChange={(event) => form.set(name, event.currentTarget.value)}
        >
          {options.map(([value, title]) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  )
}

/** Yes or no. */
export function Flag({ form, name, label }: FieldProps) {
  const id = useId()
  const problem = form.problem(name)
  return (
    <div class="field flag">
      <label class="row" for={id}>
        <input
          id={id}
          type="checkbox"
          checked={form.values[name] === 'true'}
          aria-invalid={problem !== undefined}
          aria-describedby={problem === undefined ? undefined : `${id}-problem`}
          onChange={(event) => form.set(name, event.currentTarget.checked ? 'true' : '')}
        />
        {label}
      </label>
      {problem !== undefined && (
        <span id={`${id}-problem`} class="problem">
          {problem}
        </span>
      )}
    </div>
  )
}

/** A control of the form under its name. */
function Labelled({
  form,
  name,
  label,
  hint,
  children,
}: FieldProps & { children: Parameters<typeof Field>[0]['children'] }) {
  const problem = form.problem(name)
  return (
    <Field label={label} hint={hint} problems={problem === undefined ? [] : [problem]}>
      {children}
    </Field>
  )
}
