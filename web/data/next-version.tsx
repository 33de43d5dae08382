import { useState } from 'preact/hooks'
import { client } from '../live/api.ts'
import { useDoing } from '../live/mutate.ts'
import { accept, otherProblem, problemsOf, Refusal } from '../live/refusal.ts'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { Panel } from '../parts/panel.tsx'
import { go } from '../router.ts'
import { CREATE, UPDATE, type Whole } from './documents.ts'
import { type Edits, editLines, inputOf, isEdited, NO_EDITS } from './edits.ts'
import type { Given } from './given.ts'
import { GivenChoice } from './given-choice.tsx'
import { addressOf } from './live.ts'
import { NameField } from './name-field.tsx'
import { send, sending } from './sending.ts'
import { SendingBar } from './sending-bar.tsx'
import { readSize, sizeText } from './size.ts'

interface Props {
  dataset: Pick<Whole, 'name' | 'reference' | 'version' | 'classes' | 'imageShape' | 'versions'>
  edits: Edits
  onEdit: (edits: Edits) => void
}

/** Changes to a data set become its next version; of one that the server itself has, a data set of one's own. */
export function NextVersion({ dataset, edits, onEdit }: Props) {
  const { reference, version, classes, imageShape, versions } = dataset
  const isOwn = version !== null
  const [given, setGiven] = useState<Given | null>(null)
  const [most, setMost] = useState('')
  const [size, setSize] = useState('')
  const [name, setName] = useState(`my_${dataset.name}`)
  const doing = useDoing()
  const { error } = doing
  const next = Math.max(0, ...versions.map((each) => each.version ?? 0)) + 1
  const isChanged = isEdited(edits) || given !== null || most !== '' || size !== ''
  const make = async () => {
    const made = await doing.run(async () => {
      const asked = {
        edits: inputOf(edits, readMost(most)),
        ...(size === '' ? {} : { size: readSize(size) }),
      }
      if (!isOwn) {
        const input = { name, from: { dataset: reference }, ...asked }
        const { createDataset } = await client.mutate(CREATE, { input })
        return accept(createDataset, 'Dataset')
      }
      const update = async (add?: { archive: File } | { upload: string }, tools = {}) => {
        const { updateDataset } = await client.mutate(
          UPDATE,
          { input: { name: reference, add: add ?? null, ...asked } },
          tools,
        )
        return accept(updateDataset, 'Dataset')
      }
      return given === null ? update() : send(given, update)
    })
    if (made !== null) go(addressOf(made.reference))
  }
  const lines = editLines(edits, classes)
  const other = otherProblem(error, ['name', 'size', 'classes'])
  return (
    <Panel
      title={isOwn ? `Make version ${next}` : 'Make a data set of your own of it'}
      anchor="next"
      query={{
        text: isOwn ? UPDATE : CREATE,
        variables: {
          input: {
            ...(isOwn ? { name: reference } : { name, from: { dataset: reference } }),
            edits: inputOf(edits, null),
          },
        },
      }}
    >
      <p class="small muted">
        {isOwn
          ? `A version never changes: what you change here becomes version ${next}. Version ${version} stays as it is, and so does what learned from it.`
          : `${dataset.name} stays as it is: what you change here becomes a data set of your own.`}
      </p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          void make()
        }}
      >
        {lines.length > 0 && (
          <>
            <ul class="edit-lines" aria-label="Changes">
              {lines.map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
            <div>
              <button type="button" class="small" onClick={() => onEdit(NO_EDITS)}>
                Take these changes back
              </button>
            </div>
          </>
        )}
        {isOwn && (
          <GivenChoice
            label="Drop more pictures here"
            given={given}
            onGiven={setGiven}
            classes={classes}
            problems={problemsOf(error, 'classes')}
          />
        )}
        <div class="how">
          {!isOwn && <NameField name={name} problems={problemsOf(error, 'name')} onName={setName} />}
          <Field
            label="Most images of a class"
            hint="Of each split, chosen at random; all when empty"
            problems={problemsOf(error, 'edits', 'mostOfClass')}
          >
            {(control) => (
              <input
                {...control}
                inputMode="numeric"
                placeholder="all"
                value={most}
                onInput={(event) => setMost(event.currentTarget.value.trim())}
              />
            )}
          </Field>
          <Field label="Size of the images" hint="32 to 224 pixels" problems={problemsOf(error, 'size')}>
            {(control) => (
              <input
                {...control}
                placeholder={sizeText(imageShape)}
                value={size}
                onInput={(event) => setSize(event.currentTarget.value.trim())}
              />
            )}
          </Field>
        </div>
        {sending.value === null && (
          <div class="row">
            <button type="submit" class="primary" disabled={doing.asked || (isOwn && !isChanged)}>
              {isOwn ? `Make version ${next}` : 'Make it'}
            </button>
            {isOwn && !isChanged && <span class="small muted">Nothing is changed yet.</span>}
          </div>
        )}
        <SendingBar />
        {other !== null && <Failure error={other} />}
      </form>
    </Panel>
  )
}

function readMost(text: string): number | null {
  if (text === '') return null
  const most = Number(text)
  if (Number.isInteger(most)) return most
  const message = 'This is a number of images, such as 100.'
  throw new Refusal(message, [{ path: ['edits', 'mostOfClass'], message }])
}
