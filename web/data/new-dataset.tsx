import { useState } from 'preact/hooks'
import { client } from '../live/api.ts'
import { useDoing } from '../live/mutate.ts'
import { accept, otherProblem, problemsOf, Refusal } from '../live/refusal.ts'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { Panel } from '../parts/panel.tsx'
import { go, path } from '../router.ts'
import { CREATE } from './documents.ts'
import { type Given, nameFor, titleOf } from './given.ts'
import { GivenChoice } from './given-choice.tsx'
import { addressOf } from './live.ts'
import { NameField } from './name-field.tsx'
import { send, sending } from './sending.ts'
import { SendingBar } from './sending-bar.tsx'
import { readSize } from './size.ts'

type Resize = 'COVER' | 'CONTAIN' | 'STRETCH'
type Labels = 'FINE' | 'COARSE'

const RULES: readonly [Resize, string][] = [
  ['COVER', 'fill it: what stands over is cut off'],
  ['CONTAIN', 'all of it, with black around'],
  ['STRETCH', 'stretch it: proportions are lost'],
]

/** The usual of the server. */
const USUAL = { size: '64', resize: 'COVER' as Resize, testShare: '20', labels: 'FINE' as Labels }

/** Pictures of one's own, to become a data set: drop them, say how large they are to be. */
export function NewDataset({ taken }: { taken: readonly string[] }) {
  const [given, setGiven] = useState<Given | null>(null)
  /** As a person typed it; until then what was given says it. */
  const [typed, setTyped] = useState<string | null>(null)
  const [{ size, resize, testShare, labels }, setHow] = useState(USUAL)
  const doing = useDoing()
  const name = typed ?? (given === null ? '' : nameFor(titleOf(given), new Set(taken)))
  const { error } = doing
  const other = otherProblem(error, ['name', 'size', 'resize', 'testShare', 'classes'])
  const create = async (from: Given) => {
    const made = await doing.run(async () => {
      const input = {
        ...{ name, size: readSize(size), resize, testShare: readShare(testShare) },
        ...(from.kind !== 'pictures' && labels === 'COARSE' && { labels }),
      }
      return send(from, async (sent, tools) => {
        const { createDataset } = await client.mutate(CREATE, { input: { ...input, from: sent } }, tools)
        // Of names: another data set has it.
        if (createDataset.__typename === 'ConflictError') {
          const { message } = createDataset
          throw new Refusal(message, [{ path: ['name'], message }])
        }
        return accept(createDataset, 'Dataset')
      })
    })
    if (made !== null && path.peek() === '/data') go(addressOf(made.reference))
  }
  return (
    <Panel
      title="Your own pictures"
      query={{ text: CREATE, variables: { input: { name: 'pets', from: { folder: 'pets' } } } }}
    >
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (given !== null) void create(given)
        }}
      >
        <GivenChoice
          label="Drop pictures here: a zip, a tar or folders"
          given={given}
          onGiven={setGiven}
          problems={problemsOf(error, 'classes')}
        />
        {given !== null && (
          <div class="how">
            <NameField name={name} problems={problemsOf(error, 'name')} onName={setTyped} />
            <Field
              label="Size of the images"
              hint="Pixels along an edge, 32 to 224. Networks see no more; twice as many take four times as long."
              problems={problemsOf(error, 'size')}
            >
              {(control) => (
                <input
                  {...control}
                  required
                  list="usual-sizes"
                  value={size}
                  onInput={({ currentTarget: { value } }) => setHow((how) => ({ ...how, size: value }))}
                />
              )}
            </Field>
            <Field label="Pictures of other proportions" problems={problemsOf(error, 'resize')}>
              {(control) => (
                <select
                  {...control}
                  value={resize}
                  onChange={({ currentTarget: { value } }) =>
                    setHow((how) => ({ ...how, resize: value as Resize }))
                  }
                >
                  {RULES.map(([rule, title]) => (
                    <option key={rule} value={rule}>
                      {title}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field
              label="For testing, in percent"
              hint="Of each class, where there are no test images yet"
              problems={problemsOf(error, 'testShare')}
            >
              {(control) => (
                <input
                  {...control}
                  required
                  inputMode="decimal"
                  value={testShare}
                  onInput={({ currentTarget: { value } }) => setHow((how) => ({ ...how, testShare: value }))}
                />
              )}
            </Field>
            {given.kind !== 'pictures' && (
              <Field label="Labels of CIFAR-100" hint="Its files have two for each image">
                {(control) => (
                  <select
                    {...control}
                    value={labels}
                    onChange={({ currentTarget: { value } }) =>
                      setHow((how) => ({ ...how, labels: value as Labels }))
                    }
                  >
                    <option value="FINE">fine: 100 classes</option>
                    <option value="COARSE">coarse: 20 classes</option>
                  </select>
                )}
              </Field>
            )}
            <datalist id="usual-sizes">
              {[32, 48, 64, 96, 128, 160, 224].map((side) => (
                <option key={side} value={side} />
              ))}
            </datalist>
          </div>
        )}
        {given !== null && sending.value === null && (
          <div class="row">
            <button type="submit" class="primary" disabled={doing.asked}>
              Make the data set
            </button>
          </div>
        )}
        <SendingBar />
        {other !== null && <Failure error={other} />}
      </form>
    </Panel>
  )
}

function readShare(text: string): number {
  const percent = Number(text.replace('%', ''))
  if (Number.isFinite(percent)) return percent / 100
  throw new Refusal('The share is no number.', [
    { path: ['testShare'], message: 'A share is a number of percent, such as 20.' },
  ])
}
