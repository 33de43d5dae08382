import { type Issue, problemsOf, Refusal } from '../live/refusal.ts'
import { Field } from '../parts/field.tsx'

/** As it is typed; what is empty is left to the server. */
export interface PreprocessingText {
  size?: string
  resize?: string
  shorterSide?: string
  background?: string
  mean?: string
  std?: string
  channels?: string
  labels?: string
}

const FIELDS = [
  { name: 'size', label: 'Size, height and width', placeholder: '224, 224' },
  { name: 'shorterSide', label: 'Shorter side before the crop', placeholder: '256' },
  { name: 'background', label: 'Colour around a contained picture', placeholder: '#000000' },
  { name: 'mean', label: 'Mean of R, G, B', placeholder: '0.485, 0.456, 0.406' },
  { name: 'std', label: 'Standard deviation', placeholder: '0.229, 0.224, 0.225' },
  { name: 'labels', label: 'Classes, in the order of the outputs', placeholder: 'cat, dog' },
] as const

const CHOICES = [
  { name: 'resize', label: 'Resize', values: ['COVER', 'STRETCH', 'CONTAIN'] },
  { name: 'channels', label: 'Channels', values: ['RGB', 'BGR'] },
] as const

interface Props {
  text: PreprocessingText
  onChange: (text: PreprocessingText) => void
  error: Error | null
}

/** How pictures become the input of imported weights: only what the file does not say itself. */
export function Preprocessing({ text, onChange, error }: Props) {
  const wrong = problemsOf(error, 'preprocessing').length > 0
  return (
    <details open={wrong || undefined}>
      <summary>How pictures become its input (left empty: what the file or its form says)</summary>
      <fieldset style={{ marginBlockStart: 'var(--space-3)' }}>
        <legend>Preprocessing</legend>
        {FIELDS.map(({ name, label, placeholder }) => (
          <Field key={name} label={label} problems={problemsOf(error, 'preprocessing', name)}>
            {(control) => (
              <input
                {...control}
                value={text[name] ?? ''}
                placeholder={placeholder}
                onInput={(event) => onChange({ ...text, [name]: event.currentTarget.value })}
              />
            )}
          </Field>
        ))}
        {CHOICES.map(({ name, label, values }) => (
          <Field key={name} label={label} problems={problemsOf(error, 'preprocessing', name)}>
            {(control) => (
              <select
                {...control}
                value={text[name] ?? ''}
                onChange={(event) => onChange({ ...text, [name]: event.currentTarget.value })}
              >
                <option value="">left to the file</option>
                {values.map((value) => (
                  <option key={value} value={value}>
                    {value}
                  </option>
                ))}
              </select>
            )}
          </Field>
        ))}
      </fieldset>
    </details>
  )
}

/**
 * What was typed, as the API takes it.
 * @throws Refusal for what is no number where one belongs
 */
export function readPreprocessing(text: PreprocessingText) {
  const issues: Issue[] = []
  const list = (value: string | undefined) =>
    value === undefined || value.trim() === '' ? null : value.split(',').map((part) => part.trim())
  const numbers = (name: 'size' | 'shorterSide' | 'mean' | 'std') => {
    const values = list(text[name])
    const wrong = values?.find((part) => part === '' || !Number.isFinite(Number(part)))
    if (wrong === undefined) return values?.map(Number) ?? null
    issues.push({ path: ['preprocessing', name], message: `"${wrong}" is no number.` })
    return null
  }
  const choice = <Value extends string>(value: string | undefined) =>
    value === undefined || value === '' ? null : (value as Value)
  const read = {
    size: numbers('size'),
    resize: choice<'COVER' | 'STRETCH' | 'CONTAIN'>(text.resize),
    shorterSide: numbers('shorterSide')?.[0] ?? null,
    background: text.background?.trim() || null,
    mean: numbers('mean'),
    std: numbers('std'),
    channels: choice<'RGB' | 'BGR'>(text.channels),
    labels: list(text.labels),
  }
  if (issues.length > 0) throw new Refusal('Some values are no numbers.', issues)
  return read
}
