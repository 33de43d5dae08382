import { useMemo, useState } from 'preact/hooks'
import { cardOf, useCards, useRunsChanged } from '../live/runs-changed.ts'
import { throttle } from '../live/throttle.ts'
import { Failure } from '../parts/failure.tsx'
import { useTitle } from '../parts/title.ts'
import { params, setParams } from '../router.ts'
import { columnsOf, type Row } from '../runs/columns.tsx'
import { Filters } from '../runs/filters.tsx'
import { useRunList } from '../runs/list.ts'
import { NamingDialog } from '../runs/naming-dialog.tsx'
import { Selection } from '../runs/selection.tsx'
import { RunsTable } from '../runs/table.tsx'
import { useTraces } from '../runs/traces.ts'
import { MAX_SELECTED, SORTS, type SortName, sortText, type View, viewOf } from '../runs/view.ts'
import '../runs/runs.css'

/** Rows are drawn again so often at most. */
const DRAW_MS = 500

/** All runs: looked through, put in order, compared, named, deleted. */
export default function Runs() {
  useTitle('Runs')
  const view = viewOf(params.value)
  const filter = filterOf(view)
  const { pages, error, more, refresh } = useRunList(filter)
  const [, redraw] = useState(0)
  const draw = useMemo(
    () =>
      throttle(DRAW_MS, () => {
        if (document.visibilityState === 'visible') redraw((n) => n + 1)
      }),
    [],
  )
  useRunsChanged((change) => (change === 'list' ? refresh() : draw()))
  const [inView, setInView] = useState<readonly [first: number, last: number]>([0, 0])
  const [edited, edit] = useState<Row | null>(null)
  const listed = useMemo(() => listedOf(pages), [pages])
  useCards(pages, listed.runs)
  const traces = useTraces(listed.runs.slice(...inView), draw)
  const rows: Row[] = listed.runs.map((run) => ({
    listed: run,
    // Not its value: a row that followed each of its changes would be drawn with each.
    card: cardOf(run).peek(),
    settings: listed.settings.get(run.id),
    trace: traces.get(run.id),
  }))
  const columns = columnsOf(rows, view.columns)
  const select = (selected: readonly number[]) => setParams({ sel: selected.join(',') || null })
  if (pages === null) return error === null ? null : <Failure error={error} />
  return (
    <>
      <div class="row spread">
        <h1>
          Runs <span class="muted">{pages[0]!.total}</span>
        </h1>
        <a class="button primary" href="/new">
          New run
        </a>
      </div>
      <Filters view={view} columns={columns} />
      {error !== null && <Failure error={error} />}
      {rows.length === 0 ? (
        <Nothing view={view} />
      ) : (
        <div class="stack">
          <Selection
            selected={view.selected}
            runs={rows.map(({ card }) => card).filter(({ number }) => view.selected.includes(number))}
            onChange={select}
          />
          <RunsTable
            list={JSON.stringify(filter)}
            rows={rows}
            total={pages[0]!.total}
            columns={columns}
            sort={view.sort}
            selected={view.selected}
            onSort={(by) => setParams({ sort: sortText(nextSort(view, by)) })}
            onSelect={(run) => select(toggled(viewOf(params.peek()).selected, run))}
            onEdit={edit}
            onView={(first, last) => {
              setInView([first, last])
              if (last >= rows.length - 20) more()
            }}
          />
        </div>
      )}
      {edited !== null && (
        <NamingDialog
          run={{ ...edited.listed, name: edited.card.name }}
          onClose={() => {
            edit(null)
            refresh()
          }}
        />
      )}
    </>
  )
}

function filterOf({ status, architecture, search, sort }: View) {
  return {
    status: status.length === 0 ? null : [...status],
    architecture,
    search: search.trim() || null,
    orderBy: { field: SORTS[sort.by].field, direction: sort.direction },
  }
}

/** The runs of all pages, each once: one that changed its place meanwhile may be on two. */
function listedOf(pages: ReturnType<typeof useRunList>['pages']) {
  const all = pages ?? []
  return {
    runs: [...new Map(all.flatMap(({ runs }) => runs.map((run) => [run.id, run]))).values()],
    settings: new Map(all.flatMap(({ settings }) => settings.map((each) => [each.id, each]))),
  }
}

/** A second click on a heading turns the order around. */
function nextSort({ sort }: View, by: SortName): View['sort'] {
  if (sort.by !== by) return { by, direction: SORTS[by].first }
  return { by, direction: sort.direction === 'ASC' ? 'DESC' : 'ASC' }
}

function toggled(selected: readonly number[], run: number): readonly number[] {
  if (selected.includes(run)) return selected.filter((one) => one !== run)
  return selected.length < MAX_SELECTED ? [...selected, run] : selected
}

function Nothing({ view }: { view: View }) {
  const isFiltered = view.status.length > 0 || view.architecture !== null || view.search !== ''
  return (
    <div class="empty">
      {isFiltered ? (
        <>
          <p>No run is like that.</p>
          <a class="button" href="/runs">
            All runs
          </a>
        </>
      ) : (
        <>
          <p>No run was started yet.</p>
          <a class="button primary" href="/new">
            Start the first one
          </a>
        </>
      )}
    </div>
  )
}
