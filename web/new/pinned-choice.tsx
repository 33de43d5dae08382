import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { scaleOf } from '../data/samples.ts'
import { useQuery } from '../live/query.ts'
import type { Form } from './fields.tsx'
import { pictureOf } from './values.ts'

/** Of a data set that is there: whoever asks for pictures of another has it fetched. */
const STATE = graphql(`
  query DatasetState($name: String!) { dataset(name: $name) { state imageShape } }
`)

const PICTURES = graphql(`
  query PicturesToPin($name: String!, $seed: Int!, $scale: Int!) {
    dataset(name: $name) { samples(count: 24, seed: $seed, split: TEST) { index label image(scale: $scale) } }
  }
`)

/** Pictures to choose from. */
export function PinnedChoice({ form }: { form: Form }) {
  const [seed, setSeed] = useState(1)
  const [isOpen, setOpen] = useState(false)
  const { dataset: name = '' } = form.values
  const { data: asked } = useQuery(STATE, isOpen ? { name } : null)
  const dataset = asked?.dataset ?? null
  const isThere = dataset?.state === 'READY'
  const { data } = useQuery(PICTURES, isThere ? { name, seed, scale: scaleOf(dataset.imageShape) } : null)
  const samples = isThere ? (data?.dataset?.samples ?? []) : []
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
      {isOpen && asked !== null && !isThere && (
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
