import { percent } from '../format.ts'

interface Mistake {
  index: number
  label: string
  predicted: string
  confidence: number
  sample: { image: string } | null
}

/** Pictures that were taken for what they are not, and how surely. */
export function MistakePictures({ of }: { of: readonly Mistake[] }) {
  if (of.length === 0) return null
  return (
    <ul class="pictures labelled">
      {of.map(({ index, label, predicted, confidence, sample }) => (
        <li key={index} class="small">
          {sample !== null && (
            <img class="pixelated" src={sample.image} alt={label} width="128" height="128" />
          )}
          <span>
            {label}, taken for <b>{predicted}</b> <span class="muted">{percent(confidence, 0)}</span>
          </span>
        </li>
      ))}
    </ul>
  )
}
