import { useEffect } from 'preact/hooks'
import { count } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import { FINDINGS, type Finding, type FindingKind } from './documents.ts'
import { Pager } from './pager.tsx'
import { usePages } from './pages-of.ts'

const SHOWN = 20

/** Each kind in plain words, and what it means for whoever trains on the data set. */
const KINDS: Record<FindingKind, { title: string; meaning: string }> = {
  LEAK: {
    title: 'Leaks',
    meaning:
      'These test images are, or look like, training images. A network may know them by heart: its accuracy will look better than it is. Leave one of the two out.',
  },
  CONTRADICTION: {
    title: 'Contradictions',
    meaning: 'The same picture is in two classes, and one of them is wrong. Relabel it, or leave it out.',
  },
  REFUSED: { title: 'Refused', meaning: 'These cannot be read, and were left out.' },
  EMPTY_CLASS: {
    title: 'Empty classes',
    meaning: 'None of their pictures can be read: they are no classes.',
  },
  FEW_PICTURES: {
    title: 'Few pictures',
    meaning:
      'These classes have fewer pictures than can be learned from and tested. Add some, or leave them out.',
  },
  SIMILAR_CLASSES: {
    title: 'Similar names',
    meaning: 'Their names differ by case, accents or blanks alone. If they are one class, merge them.',
  },
  DUPLICATE: { title: 'Duplicates', meaning: 'The same picture of the same class again: it was taken once.' },
  NEAR_DUPLICATE: {
    title: 'Near duplicates',
    meaning: 'They look like another picture of their split. Both were kept.',
  },
  SKIPPED: { title: 'Passed over', meaning: 'No pictures of the data set: they were left out.' },
}

const isKind = (text: string | null): text is FindingKind => text !== null && Object.hasOwn(KINDS, text)

interface Props {
  id: string
  counts: readonly { kind: FindingKind; count: number }[]
  /** Another one when there may be more: they come while the import goes on. */
  age: unknown
}

/** What the import says of files and classes, by kind and page by page; the address has the kind. */
export function Findings({ id, counts, age }: Props) {
  const text = params.value.get('finding')
  const kind = isKind(text) ? text : null
  const pages = usePages(`${id} ${kind}`)
  const asked = { id, kind, first: SHOWN, after: pages.after }
  const { data, error, refresh } = useQuery(FINDINGS, asked)
  useEffect(refresh, [age])
  const found = data?.node?.__typename === 'Dataset' ? (data.node.import?.findings ?? null) : null
  if (error !== null) return <Failure error={error} />
  if (found === null || (found.totalCount === 0 && kind === null)) return null
  // As the kinds stand above: what matters most comes first.
  const inOrder = Object.keys(KINDS).flatMap((each) => counts.filter(({ kind }) => kind === each))
  const all = counts.reduce((sum, each) => sum + each.count, 0)
  return (
    <Panel title="What was found" anchor="findings" query={{ text: FINDINGS, variables: asked }}>
      {counts.length > 0 && (
        <fieldset class="plain-group">
          <legend class="spoken">Kind</legend>
          <button type="button" aria-pressed={kind === null} onClick={() => setParams({ finding: null })}>
            All {count(all)}
          </button>
          {inOrder.map((each) => (
            <button
              key={each.kind}
              type="button"
              aria-pressed={kind === each.kind}
              onClick={() => setParams({ finding: each.kind })}
            >
              {KINDS[each.kind].title} {count(each.count)}
            </button>
          ))}
        </fieldset>
      )}
      {kind !== null && <p>{KINDS[kind].meaning}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Findings">
        <table class="findings">
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">File or class</th>
              <th scope="col">What is the matter</th>
            </tr>
          </thead>
          <tbody>
            {found.edges.map(({ node }, at) => (
              <tr key={at}>
                <td class={node.kind === 'LEAK' ? 'leak' : ''}>{KINDS[node.kind].title}</td>
                <th scope="row">
                  <bdi>{node.path}</bdi>
                </th>
                <td>
                  <Seen of={node.sample} />
                  <Seen of={node.otherSample} />
                  {node.message}
                  {node.other !== null && (
                    <>
                      {' '}
                      <span class="muted">
                        The other one: <bdi>{node.other}</bdi>
                      </span>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Pager
        of="what was found"
        pages={pages}
        total={found.totalCount}
        size={SHOWN}
        next={found.pageInfo.hasNextPage ? (found.pageInfo.endCursor ?? null) : null}
      />
    </Panel>
  )
}

/** The picture that is meant, where the data set has it. */
function Seen({ of }: { of: Finding['sample'] }) {
  if (of === null) return null
  const { split, index, label, image } = of
  const where = `${split === 'TRAIN' ? 'training' : 'test'} image ${index}, ${label}`
  return <img class="pixelated seen" src={image} alt={where} title={where} width="48" height="48" />
}

/** That the tests of the data set say too much: seen before anything is trained on it. */
export function LeakWarning({ counts }: { counts: Props['counts'] }) {
  const leaks = counts.find(({ kind }) => kind === 'LEAK')?.count ?? 0
  if (leaks === 0) return null
  return (
    <div class="warned" role="note">
      <strong>
        {leaks === 1 ? 'A test image is' : `${count(leaks)} test images are`} among the training images,
      </strong>{' '}
      or nearly so. A network may know {leaks === 1 ? 'it' : 'them'} by heart, and its accuracy will look
      better than it is.{' '}
      <button type="button" class="link" onClick={showLeaks}>
        See {leaks === 1 ? 'it' : 'them'}
      </button>
    </div>
  )
}

function showLeaks(): void {
  setParams({ finding: 'LEAK' })
  document.getElementById('findings')?.scrollIntoView()
}
