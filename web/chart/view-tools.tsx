import { setParams } from '../router.ts'
import { AXES } from './axis.ts'
import { AXIS_WORDS } from './axis-words.ts'
import type { AxisParam, View } from './view.ts'

const HALF_LIVES = [0, 5, 20, 100, 500]

/** Changes how the charts of a page are looked at, in its address. */
export function ViewTools({ view, param }: { view: View; param: AxisParam }) {
  const { axis, range, logarithmic, isCut, halfLife } = view
  return (
    <div class="row small">
      {range !== null && (
        <button type="button" class="primary" onClick={() => setParams({ from: null, to: null })}>
          Follow
        </button>
      )}
      <label class="row">
        Over
        <select
          value={axis}
          onChange={({ currentTarget: { value } }) =>
            // Places of one axis say nothing on another.
            setParams({ [param.name]: value === param.usual ? null : value, from: null, to: null })
          }
        >
          {AXES.map((each) => (
            <option key={each} value={each}>
              {AXIS_WORDS[each].name}
            </option>
          ))}
        </select>
      </label>
      <button
        type="button"
        aria-pressed={logarithmic}
        onClick={() => setParams({ y: logarithmic ? null : 'log' })}
      >
        log
      </button>
      <button
        type="button"
        aria-pressed={isCut}
        title="The axis leaves out the highest and the lowest hundredth of the values"
        onClick={() => setParams({ peaks: isCut ? null : 'cut' })}
      >
        cut peaks
      </button>
      <label class="row">
        Smooth
        <select
          value={String(halfLife)}
          onChange={({ currentTarget: { value } }) => setParams({ smooth: value === '0' ? null : value })}
        >
          {[...new Set([...HALF_LIVES, halfLife])].map((steps) => (
            <option key={steps} value={String(steps)}>
              {steps === 0 ? 'not' : `${steps} steps`}
            </option>
          ))}
        </select>
      </label>
    </div>
  )
}
