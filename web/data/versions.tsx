import { bytes, count, moment, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { mayAs } from '../live/viewer.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { go } from '../router.ts'
import { DATASET_PAGE, DELETE, type Whole } from './documents.ts'
import { changesText } from './edits.ts'
import { addressOf } from './live.ts'

/** All versions of a data set, what each was made of, and how they are done away with. */
export function Versions({
  dataset,
}: {
  dataset: Pick<Whole, 'name' | 'reference' | 'version' | 'versions'>
}) {
  const { name, reference, version, versions } = dataset
  const doing = useDoing()
  const left = versions.filter(({ state }) => state !== 'DELETED')
  const remove = async (which: string, freed: number) => {
    const question = `Delete ${which}? It frees ${bytes(freed)}, and cannot be undone. What learned from it keeps its weights and figures.`
    if (!window.confirm(question)) return
    const deleted = await doing.run(async (client) => {
      const { deleteDataset } = await client.mutate(DELETE, { name: which })
      return expectMember(deleteDataset, 'Dataset')
    })
    if (deleted === null) return
    const next = left.find((each) => each.reference !== which)
    go(which === name || next === undefined ? '/data' : addressOf(next.reference))
  }
  const all = left.reduce((sum, each) => sum + (each.bytes ?? 0), 0)
  const one = left.find((each) => each.reference === reference)
  return (
    <Panel
      title="Versions"
      anchor="versions"
      query={{ text: DATASET_PAGE, variables: { name: reference } }}
      tools={
        one !== undefined &&
        mayAs('ADMIN') && (
          <>
            {left.length > 1 && (
              <button type="button" disabled={doing.asked} onClick={() => void remove(name, all)}>
                Delete all versions
              </button>
            )}
            <button
              type="button"
              disabled={doing.asked}
              onClick={() => void remove(reference, one.bytes ?? 0)}
            >
              Delete version {version}
            </button>
          </>
        )
      }
    >
      {doing.error !== null && <Failure error={doing.error} />}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label={`Versions of ${name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Version</th>
              <th scope="col">State</th>
              <th scope="col">Made of</th>
              <th scope="col">What is another</th>
              <th scope="col" class="number">
                Images
              </th>
              <th scope="col" class="number">
                File
              </th>
              <th scope="col" class="number">
                Made
              </th>
            </tr>
          </thead>
          <tbody>
            {versions.map((each) => (
              <tr key={each.reference}>
                <th scope="row">
                  {each.reference === reference ? (
                    <b>{each.version}, this one</b>
                  ) : (
                    <a href={addressOf(each.reference)}>{each.version}</a>
                  )}
                </th>
                <td class={`dataset-state ${each.state}`}>{words(each.state)}</td>
                <td>
                  {each.parent === null ? (
                    <bdi>{each.import?.origin}</bdi>
                  ) : (
                    <>
                      <a href={addressOf(each.parent.reference)}>{each.parent.reference}</a>
                      {each.import?.origin.slice(each.parent.reference.length)}
                    </>
                  )}
                </td>
                <td>{changesText(each)}</td>
                <td class="number">
                  {each.state === 'READY' ? count(each.trainCount + each.testCount) : '–'}
                </td>
                <td class="number">{each.state === 'READY' ? bytes(each.bytes) : '–'}</td>
                <td class="number">{moment(each.createdAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}
