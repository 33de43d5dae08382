import { Field } from '../parts/field.tsx'

interface Props {
  name: string
  problems: readonly string[]
  onName: (name: string) => void
}

/** What a data set that is to be made is called. */
export function NameField({ name, problems, onName }: Props) {
  return (
    <Field label="Name" hint="Small letters, digits and _" problems={problems}>
      {(control) => (
        <input
          {...control}
          required
          maxLength={40}
          value={name}
          onInput={(event) => onName(event.currentTarget.value)}
        />
      )}
    </Field>
  )
}
