import { problemsOf } from '../live/refusal.ts'
import { Field } from '../parts/field.tsx'
import type { Draft } from './draft.ts'

interface Props {
  draft: Draft
  onChange: (change: Partial<Draft>) => void
  error: Error | null
}

/** The fields of a network. */
export function NetworkFields({ draft, onChange, error }: Props) {
  const text = (name: keyof Draft, placeholder = '') => ({
    value: draft[name],
    placeholder,
    onInput: (event: { currentTarget: HTMLInputElement }) => onChange({ [name]: event.currentTarget.value }),
  })
  const kind = draft.head === 'pooled' ? 'pooled' : 'flat'
  return (
    <>
      <Field
        label="Convolutional part"
        hint="A number is a 3×3 convolution of that width; x1 makes it 1×1, :lrn adds local response normalisation; M is a 2×2 max-pool."
        problems={problemsOf(error, 'features')}
      >
        {(control) => (
          <input
            {...control}
            {...text('features', '64,64,M,128,M')}
            class="mono"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
          />
        )}
      </Field>
      <div class="columns">
        <fieldset>
          <legend>Around it</legend>
          <Field label="Input size, height and width" problems={problemsOf(error, 'inputSize')}>
            {(control) => <input {...control} {...text('size', '32, 32')} />}
          </Field>
          <Field label="Classes" problems={problemsOf(error, 'classes')}>
            {(control) => <input {...control} {...text('classes', '10')} inputMode="numeric" />}
          </Field>
          <label class="row" style={{ flexWrap: 'nowrap' }}>
            <input
              type="checkbox"
              checked={draft.batchNorm === '1'}
              onChange={(event) => onChange({ batchNorm: event.currentTarget.checked ? '1' : '' })}
            />
            Batch norm after each convolution
          </label>
        </fieldset>
        <fieldset>
          <legend>Head</legend>
          <Field
            label="What follows"
            problems={problemsOf(error, 'head').filter((problem) => !/^(flat|pooled)/.test(problem))}
          >
            {(control) => (
              <select
                {...control}
                class="long"
                value={kind}
                onChange={(event) => onChange({ head: event.currentTarget.value })}
              >
                <option value="flat">what is left, flattened</option>
                <option value="pooled">the paper’s average pool</option>
              </select>
            )}
          </Field>
          {kind === 'pooled' && (
            <Field label="Cells along its edge" problems={problemsOf(error, 'head', 'pooled', 'size')}>
              {(control) => <input {...control} {...text('pool', '7')} inputMode="numeric" />}
            </Field>
          )}
          <Field label="Hidden dense layers" problems={problemsOf(error, 'head', kind, 'hidden')}>
            {(control) => <input {...control} {...text('hidden', 'none, or 512, 512')} />}
          </Field>
          <Field label="Dropout after them" problems={problemsOf(error, 'head', kind, 'dropout')}>
            {(control) => <input {...control} {...text('dropout', '0')} inputMode="decimal" />}
          </Field>
        </fieldset>
      </div>
    </>
  )
}
