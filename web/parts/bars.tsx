import { percent } from '../format.ts'

/** What a network thinks a picture is: a bar a class. */
export function Bars({
  of,
  truth,
}: {
  of: readonly { label: string; probability: number }[]
  truth?: string
}) {
  return (
    <dl class="bars">
      {of.map(({ label, probability }) => [
        <dt key={`${label} name`}>{label === truth ? <b>{label}</b> : label}</dt>,
        <dd key={`${label} bar`} style={{ margin: 0 }}>
          <div
            class="bar"
            style={{
              width: `${100 * probability}%`,
              background: truth === undefined || label === truth ? 'var(--good)' : 'var(--line-strong)',
            }}
          />
        </dd>,
        <dd key={`${label} share`} style={{ margin: 0, textAlign: 'end' }}>
          {percent(probability)}
        </dd>,
      ])}
    </dl>
  )
}
