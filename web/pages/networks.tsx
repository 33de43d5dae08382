import { big, words } from '../format.ts'
import { useQuery } from '../live/query.ts'
import { NETWORKS } from '../networks/documents.ts'
import { Thumbnail } from '../networks/drawing.tsx'
import { Failure } from '../parts/failure.tsx'
import { Panel } from '../parts/panel.tsx'
import { useTitle } from '../parts/title.ts'
import { params } from '../router.ts'

/** Those that train in minutes on any machine come first. */
const ORIGINS = [
  ['CUSTOM', 'Made here'],
  ['LECTURE', 'The lecture on VGG for CIFAR-10'],
  ['CIFAR', 'Customary for CIFAR-10'],
  ['PAPER', 'Simonyan and Zisserman, 2014'],
  ['TORCHVISION', 'With batch norm, as torchvision has them'],
] as const

/** Every network of the zoo, by where it comes from. */
export default function Networks() {
  useTitle('Networks')
  const after = params.value.get('after')
  const { data, error } = useQuery(NETWORKS, { after })
  if (data === null) return error === null ? null : <Failure error={error} />
  const { edges, pageInfo } = data.architectures
  const networks = edges.map(({ node }) => node)
  return (
    <>
      <div class="row spread">
        <h1>Networks</h1>
        <a class="button primary" href="/networks/new">
          New network
        </a>
      </div>
      {ORIGINS.map(([origin, title]) => {
        const those = networks.filter((network) => network.origin === origin)
        if (those.length === 0) return null
        return (
          <Panel key={origin} title={title} query={{ text: NETWORKS, variables: { after } }}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
            <section class="scroll" tabIndex={0} aria-label={`Networks: ${words(origin)}`}>
              <table class="layers networks">
                <thead>
                  <tr>
                    <th scope="col">Network</th>
                    <th scope="col">Its form</th>
                    <th scope="col">Title</th>
                    {['Weight layers', 'Input', 'Parameters', 'Multiply-adds'].map((name) => (
                      <th key={name} scope="col" class="number">
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {those.map((it) => (
                    <tr key={it.name}>
                      <th scope="row">
                        <a href={`/networks/${encodeURIComponent(it.name)}`}>{it.name}</a>
                      </th>
                      <td>
                        <Thumbnail inputShape={it.inputShape} layers={it.layers} />
                      </td>
                      <td>{it.title}</td>
                      <td class="number">{it.weightLayers}</td>
                      <td class="number">{it.inputShape.slice(0, 2).join(' × ')}</td>
                      <td class="number">{big(it.parameterCount)}</td>
                      <td class="number">{big(it.multiplyAdds)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          </Panel>
        )
      })}
      <div class="row">
        {after !== null && <a href="/networks">The first ones</a>}
        {pageInfo.hasNextPage && (
          <a href={`/networks?after=${encodeURIComponent(pageInfo.endCursor ?? '')}`}>More networks</a>
        )}
      </div>
    </>
  )
}
