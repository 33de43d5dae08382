import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Control {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': boolean
}

interface Props {
  label: ComponentChildren
  hint?: ComponentChildren
  /** What is wrong with the value. */
  problems?: readonly string[]
  /** The control, which takes what ties it to its name and its problems. */
  children: (control: Control) => ComponentChildren
}

/** More than these are a flood: of a file with other tensors, each is named. */
const MOST = 12

/** A control under its name, with what is wrong beside it. */
export function Field({ label, hint, problems = [], children }: Props) {
  const id = useId()
  const described = [hint !== undefined && `${id}-hint`, problems.length > 0 && `${id}-problem`].filter(
    Boolean,
  )
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-describedby': described.length === 0 ? undefined : described.join(' '),
        'aria-invalid': problems.length > 0,
      })}
      {hint !== undefined && (
        <span id={`${id}-hint`} class="small muted">
          {hint}
        </span>
      )}
      <div id={`${id}-problem`} role="alert">
        {problems.slice(0, MOST).map((problem) => (
          <p key={problem} class="problem">
            {problem}
          </p>
        ))}
        {problems.length > MOST && <p class="problem">and {problems.length - MOST} more</p>}
      </div>
    </div>
  )
}
