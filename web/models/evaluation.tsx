import { useState } from 'preact/hooks'
import { graphql } from '../../src/client/graphql.ts'
import { moment } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { Confusion } from '../run/confusion.tsx'
import type { Version } from './documents.ts'

const EVALUATE = graphql(`
  mutation Evaluate($id: ID!, $limit: Int) {
    evaluateModel(id: $id, limit: $limit) {
      __typename
      ... on ModelVersion { id }
      ... on Error { message }
    }
  }
`)

const ALL = 0
const LIMITS = [ALL, 2000, 500, 100]

/** What the version does on the test images, and how to find out. */
export function Evaluation({ version, onDone }: { version: Version; onDone: () => void }) {
  const { evaluation, evaluatedAt } = version
  const doing = useDoing()
  const [limit, setLimit] = useState(ALL)
  const evaluate = async () => {
    await doing.run(async (client) => {
      const { evaluateModel } = await client.mutate(EVALUATE, {
        id: version.id,
        limit: limit === ALL ? null : limit,
      })
      return expectMember(evaluateModel, 'ModelVersion')
    })
    onDone()
  }
  return (
    <>
      <Panel
        title="Evaluation"
        query={{
          text: `mutation Evaluate($id: ID!) {\n  evaluateModel(id: $id) {\n    ... on ModelVersion { evaluation { loss accuracy } }\n    ... on Error { message }\n  }\n}`,
          variables: { id: version.id },
        }}
      >
        <p class="muted">
          {evaluation === null
            ? 'It was not shown the test images yet.'
            : `Shown ${evaluation.count.toLocaleString('en')} test images of ${evaluation.dataset.reference}${evaluatedAt === null ? '' : `, ${moment(evaluatedAt)}`}.`}
        </p>
        <div class="row">
          <label class="row">
            <span class="small muted">Test images</span>
            <select
              value={String(limit)}
              onChange={(event) => setLimit(Number(event.currentTarget.value))}
              disabled={doing.asked}
            >
              {LIMITS.map((most) => (
                <option key={most} value={String(most)}>
                  {most === ALL ? 'all' : `the first ${most.toLocaleString('en')}`}
                </option>
              ))}
            </select>
          </label>
          <button type="button" disabled={doing.asked} onClick={() => void evaluate()}>
            {evaluation === null ? 'Evaluate' : 'Evaluate again'}
          </button>
        </div>
        {doing.asked && (
          <div role="status" class="stack">
            <progress aria-label="Evaluating" />
            <p class="small muted">
              Evaluating: seconds for a small network, minutes for a large one. You may leave the page; the
              result will be here.
            </p>
          </div>
        )}
        {doing.error !== null && <Failure error={doing.error} />}
      </Panel>
      {evaluation !== null && (
        <Confusion id={version.id} evaluation={evaluation} classes={evaluation.dataset.classes} />
      )}
    </>
  )
}
