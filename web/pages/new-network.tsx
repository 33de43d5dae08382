import { useEffect, useRef, useState } from 'preact/hooks'
import type { ResultOf } from '../../src/client/graphql.ts'
import { big, count } from '../format.ts'
import { useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { accept, otherProblem, problemsOf, Refusal } from '../live/refusal.ts'
import { CREATE, PLAN_NETWORK } from '../networks/documents.ts'
import { type Draft, readDraft, toAddress, toInput } from '../networks/draft.ts'
import { NetworkFields } from '../networks/form.tsx'
import { LayerTable } from '../networks/layer-table.tsx'
import { Picture } from '../networks/picture.tsx'
import { PlanFigures } from '../networks/plan.tsx'
import { Failure } from '../parts/failure.tsx'
import { Field } from '../parts/field.tsx'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { go, params, setParams } from '../router.ts'
import '../run/run.css'

/** A pause while one types. */
const TYPED_MS = 250
const SHOWN = ['name', 'title', 'features', 'inputSize', 'classes', 'head']

/** A network of one's own: it is drawn and planned while it is typed. */
export default function NewNetwork() {
  useTitle('New network')
  const [draft, setDraft] = useState(() => readDraft(params.peek()))
  const typed = useSettled(draft)
  useEffect(() => setParams(toAddress(typed)), [typed])
  const { plan, error, query } = usePlan(typed)
  const doing = useDoing()
  const change = (some: Partial<Draft>) => setDraft((before) => ({ ...before, ...some }))
  const create = async () => {
    const made = await doing.run(async (client) => {
      const { createArchitecture } = await client.mutate(CREATE, { input: toInput(draft) })
      return accept(createArchitecture, 'Architecture')
    })
    if (made !== null) go(`/networks/${encodeURIComponent(made.name)}`)
  }
  const problem = otherProblem(doing.error, SHOWN) ?? otherProblem(error, SHOWN)
  return (
    <>
      <div>
        <p class="small">
          <a href="/networks">Networks</a>
        </p>
        <h1>New network</h1>
      </div>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault()
          void create()
        }}
      >
        <NetworkFields draft={draft} onChange={change} error={error} />
        <div class="row" style={{ alignItems: 'start' }}>
          <Field label="Name" problems={[...problemsOf(error, 'name'), ...problemsOf(doing.error, 'name')]}>
            {(control) => (
              <input
                {...control}
                required
                value={draft.name}
                placeholder="my_vgg"
                onInput={(event) => change({ name: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label="Title, for people" problems={problemsOf(error, 'title')}>
            {(control) => (
              <input
                {...control}
                value={draft.title}
                onInput={(event) => change({ title: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
        <div class="row">
          <button type="submit" class="primary" disabled={doing.asked || draft.name === '' || error !== null}>
            Create it
          </button>
          {draft.name === '' && <span class="small muted">It needs a name first.</span>}
        </div>
        {problem !== null && <Failure error={problem} />}
      </form>
      {plan !== null && (
        <div class={`stack planned ${error === null ? '' : 'outdated'}`}>
          {error !== null && <p class="muted">Below is the last list that made sense.</p>}
          <Picture network={plan.architecture} query={query} />
          <Panel title="What training it on cifar10 would take" query={query}>
            <Figures
              of={[
                ['Weight layers', plan.architecture.weightLayers],
                ['Parameters', count(plan.architecture.parameterCount)],
                ['Multiply-adds for one picture', big(plan.architecture.multiplyAdds)],
              ]}
            />
            <PlanFigures plan={plan} />
          </Panel>
          <LayerTable layers={plan.architecture.layers} query={query} />
        </div>
      )}
    </>
  )
}

/** A value that has not changed for a moment. */
function useSettled<Value>(value: Value): Value {
  const [settled, settle] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => settle(value), TYPED_MS)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}

/** The newest plan that there was, and what is wrong with the draft now. */
function usePlan(draft: Draft) {
  const read = readInput(draft)
  const { data, error } = useQuery(PLAN_NETWORK, read.input === null ? null : { input: read.input })
  const last = useRef<Plan | null>(null)
  const answer = data?.planArchitecture ?? null
  if (answer?.__typename === 'ArchitecturePlan') last.current = answer
  const refused = answer?.__typename === 'ValidationError' ? new Refusal(answer.message, answer.issues) : null
  return {
    plan: last.current,
    error: read.error ?? error ?? refused,
    query: { text: PLAN_NETWORK, variables: { input: read.input } },
  }
}

type Plan = Extract<ResultOf<typeof PLAN_NETWORK>['planArchitecture'], { __typename: 'ArchitecturePlan' }>

function readInput(draft: Draft) {
  try {
    return { input: toInput(draft), error: null }
  } catch (error) {
    return { input: null, error: error as Error }
  }
}
