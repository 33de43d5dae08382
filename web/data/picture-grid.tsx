import { type Edits, keyOf, type Place } from './edits.ts'

interface Props {
  /** What they are of. */
  label: string
  pictures: readonly (Place & { image: string })[]
  /** Images that something is to be done with, by `keyOf`; null where nothing can. */
  picked: ReadonlySet<string> | null
  edits: Edits | null
  onPick: (place: Place) => void
}

/** Pictures with their classes; one is picked by a click. */
export function PictureGrid({ label, pictures, picked, edits, onPick }: Props) {
  return (
    <ul class="samples" aria-label={label}>
      {pictures.map((picture) => {
        const key = keyOf(picture)
        const next = edits?.relabelled.get(key)?.label
        const isOut = edits?.excluded.has(key) ?? false
        const image = <img class="pixelated" src={picture.image} alt="" width="96" height="96" />
        return (
          <li key={key} class={`small ${isOut ? 'out' : ''}`}>
            {picked === null ? (
              image
            ) : (
              <button
                type="button"
                class="pick"
                aria-pressed={picked.has(key)}
                aria-label={`Pick number ${picture.index}, ${picture.label}`}
                onClick={() => onPick(picture)}
              >
                {image}
              </button>
            )}
            {isOut ? <s>{picture.label}</s> : (next ?? picture.label)}{' '}
            <span class="muted">{isOut ? 'left out' : picture.index}</span>
          </li>
        )
      })}
    </ul>
  )
}
