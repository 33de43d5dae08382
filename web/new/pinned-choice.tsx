import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { useQuery } from '../live/query.ts'
import type { Form } from './fields.tsx'
import { pictureOf } from './values.ts'

/** Of a data set that is there: whoever asks for pictures of another has it fetched. */
const STATES = graphql(`
  query DatasetStates { datasets { name state } }
`)

const PICTURES = graphql(`
  query PicturesToPin($seed: Int!) {
    datasets { name samples(count: 24, seed: $seed, split: TEST) { index label image(scale: 2) } }
  }
`)

/** Pictures to choose from. */
export function PinnedChoice({ form }: { form: Form }) {
  const [seed, setSeed] = useState(1)
  const [isOpen, setOpen] = useState(false)
  const name = form.values.dataset
  const { data: states } = useQuery(STATES, isOpen ? {} : null)
  const isThere = states?.datasets.every(({ state }) => state === 'READY') ?? false
  const { data } = useQuery(PICTURES, isThere ? { seed } : null)
  const samples = data?.datasets.find((each) => each.name === name)?.samples ?? []
  const parts = (form.values.pinned ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const isOf = (index: number) => (part: string) => {
    const picture = pictureOf(part)
    return picture?.split === 'TEST' && picture.index === index
  }
  const toggle = (index: number) => {
    const rest = parts.filter((part) => !isOf(index)(part))
    const next = rest.length < parts.length ? rest : [...parts, String(index)]
    form.set('pinned', next.join(', '))
  }
  return (
    <details class="whole" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Choose from pictures</summary>
      {isOpen && states !== null && !isThere && (
        <p class="small muted">The pictures can be seen once the data set is on this machine.</p>
      )}
      <div class="choice">
        {samples.map(({ index, label, image }) => (
          <button
            key={index}
            type="button"
            aria-pressed={parts.some(isOf(index))}
            title={`${label}, ${index}`}
            onClick={() => toggle(index)}
          >
            <img class="pixelated" src={image} alt={`${label}, ${index}`} width="64" height="64" />
          </button>
        ))}
      </div>
      {samples.length > 0 && (
        <button type="button" onClick={() => setSeed(seed + 1)}>
          Others
        </button>
      )}
    </details>
  )
}
