import { big, count, words } from '../format.ts'
import { Panel, type PanelQuery } from '../parts/panel.tsx'
import { params } from '../router.ts'
import type { Layer } from './documents.ts'

/** Every layer, in the order of computing. */
export function LayerTable({ layers, query }: { layers: readonly Layer[]; query: PanelQuery }) {
  const chosen = params.value.get('layer')
  return (
    <Panel title={`Layers (${layers.length})`} query={query}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Table of the layers">
        <table class="layers">
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col">Kind</th>
              {['Window', 'Output', 'Receptive field', 'Parameters', 'Multiply-adds'].map((name) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {layers.map((layer) => (
              <tr key={layer.index} aria-current={layer.name === chosen ? 'true' : undefined}>
                <th scope="row">{layer.name}</th>
                <td>{words(layer.kind)}</td>
                <td class="number">{windowText(layer.kernelSize, layer.strides)}</td>
                <td class="number">{layer.outputShape.join(' × ')}</td>
                <td class="number">{layer.receptiveField ?? '–'}</td>
                <td class="number">{layer.parameterCount === 0 ? '–' : count(layer.parameterCount)}</td>
                <td class="number">{layer.multiplyAdds === 0 ? '–' : big(layer.multiplyAdds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  )
}

/** Of a convolution or a pool: 3 × 3, and its stride. */
export function windowText(kernel: readonly number[] | null, strides: readonly number[] | null): string {
  if (kernel === null) return '–'
  const step = strides?.some((it) => it > 1) ? ` / ${strides[0]}` : ''
  return `${kernel.join(' × ')}${step}`
}
