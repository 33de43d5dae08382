import { big, count, words } from '../format.ts'
import { expectMember, useDoing } from '../live/mutate.ts'
import { useQuery } from '../live/query.ts'
import { useCards, useRunsChanged } from '../live/runs-changed.ts'
import { mayAs } from '../live/viewer.ts'
import { DELETE, NETWORK_DETAILS, type Network } from '../networks/documents.ts'
import { addressOf } from '../networks/draft.ts'
import { LayerTable } from '../networks/layer-table.tsx'
import { Picture } from '../networks/picture.tsx'
import { PlanFigures } from '../networks/plan.tsx'
import { Failure } from '../parts/failure.tsx'
import { Figures } from '../parts/figures.tsx'
import { Panel } from '../parts/panel.tsx'
import { RunRows } from '../parts/run-rows.tsx'
import { useTitle } from '../parts/title.ts'
import { go, params, setParams } from '../router.ts'
import '../run/run.css'

const BATCH_SIZES = [16, 32, 64, 128, 256, 512]
const USUAL_BATCH = 128

/** One network: what it is made of, what training it takes, and its runs. */
export default function NetworkPage({ name }: { name: string }) {
  useTitle(name)
  const asked = Number(params.value.get('batch') ?? USUAL_BATCH)
  const batchSize = BATCH_SIZES.includes(asked) ? asked : USUAL_BATCH
  const { data, error, refresh } = useQuery(NETWORK_DETAILS, { name, batchSize })
  useRunsChanged((change) => {
    if (change === 'list') refresh()
  })
  const network = data?.architecture ?? null
  const runs = network?.runs.edges.map(({ node }) => node) ?? []
  useCards(data, runs)
  if (data === null) return error === null ? null : <Failure error={error} />
  if (network === null) {
    return (
      <div class="empty">
        <h1>There is no network {name}.</h1>
        <a class="button" href="/networks">
          All networks
        </a>
      </div>
    )
  }
  const { plan } = network
  const query = { text: NETWORK_DETAILS, variables: { name, batchSize } }
  return (
    <>
      <Heading network={network} />
      <Figures
        of={[
          ['Weight layers', network.weightLayers],
          ['Parameters', count(network.parameterCount)],
          ['Multiply-adds for one picture', big(network.multiplyAdds)],
          ['Input', network.inputShape.join(' × ')],
          ['Classes', count(network.classes)],
        ]}
      />
      <Picture network={network} query={query} />
      <Panel
        title="What training it on cifar10 would take"
        query={query}
        tools={
          <label class="row small">
            Batch size
            <select
              value={String(batchSize)}
              onChange={(event) => setParams({ batch: event.currentTarget.value })}
            >
              {BATCH_SIZES.map((size) => (
                <option key={size} value={String(size)}>
                  {size}
                </option>
              ))}
            </select>
          </label>
        }
      >
        {plan.__typename === 'ArchitecturePlan' ? <PlanFigures plan={plan} /> : <p>{plan.message}</p>}
      </Panel>
      <Panel title={`Runs (${network.runs.totalCount})`} query={query}>
        {runs.length === 0 ? <p class="muted">It has not been trained yet.</p> : <RunRows runs={runs} />}
        {network.runs.totalCount > runs.length && (
          <a class="small" href={`/runs?arch=${encodeURIComponent(network.name)}`}>
            All its runs
          </a>
        )}
      </Panel>
      <LayerTable layers={network.layers} query={query} />
    </>
  )
}

function Heading({ network }: { network: Network }) {
  const { name, title, origin, features, batchNorm } = network
  return (
    <div class="stack">
      <div class="row spread">
        <div>
          <p class="small">
            <a href="/networks">Networks</a>
          </p>
          <h1>{name}</h1>
          <p class="muted">
            {title === name ? '' : `${title} · `}
            {words(origin)}
            {batchNorm && ' · batch norm'}
          </p>
        </div>
        <div class="row">
          <a class="button primary" href={`/new?arch=${encodeURIComponent(name)}`}>
            Train it
          </a>
          <a class="button" href={`/networks/new?${addressOf(network)}`}>
            Change it
          </a>
          {origin === 'CUSTOM' && mayAs('ADMIN') && <Delete name={name} />}
        </div>
      </div>
      <p class="features small">
        <code>{features}</code>
      </p>
    </div>
  )
}

function Delete({ name }: { name: string }) {
  const doing = useDoing()
  const remove = async () => {
    if (!window.confirm(`Delete the network ${name}? It cannot be brought back.`)) return
    const done = await doing.run(async (client) => {
      const { deleteArchitecture } = await client.mutate(DELETE, { name })
      return expectMember(deleteArchitecture, 'Architecture')
    })
    if (done !== null) go('/networks')
  }
  return (
    <>
      <button type="button" disabled={doing.asked} onClick={() => void remove()}>
        Delete
      </button>
      {doing.error !== null && <Failure error={doing.error} />}
    </>
  )
}
