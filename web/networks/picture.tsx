import { useState } from 'preact/hooks'
import { big, count, words } from '../format.ts'
import { Figures } from '../parts/figures.tsx'
import { Panel, type PanelQuery } from '../parts/panel.tsx'
import { params, setParams } from '../router.ts'
import type { Layer, Network } from './documents.ts'
import { Drawing } from './drawing.tsx'
import { windowText } from './layer-table.tsx'

interface Props {
  network: Pick<Network, 'name' | 'inputShape' | 'layers'>
  query: PanelQuery
}

/** The network as a picture, and what one looks at in it. */
export function Picture({ network, query }: Props) {
  const { name, inputShape, layers } = network
  const [hovered, hover] = useState<string | null>(null)
  const chosen = params.value.get('layer')
  const looked = layers.find((layer) => layer.name === (hovered ?? chosen)) ?? null
  return (
    <Panel title="The network" query={query}>
      <Drawing
        name={name}
        inputShape={inputShape}
        layers={layers}
        chosen={chosen}
        onHover={hover}
        onChoose={(layer) => setParams({ layer })}
      />
      <div class="row legend small muted" aria-hidden="true">
        <span>
          <i class="conv" />
          convolution
        </span>
        <span>
          <i class="pool" />
          pool
        </span>
        <span>
          <i class="dense" />
          dense
        </span>
      </div>
      {looked === null ? (
        <p class="small muted">Point at a block, or go there by the arrow keys, to see what it does.</p>
      ) : (
        <Looked layer={looked} />
      )}
    </Panel>
  )
}

function Looked({ layer }: { layer: Layer }) {
  const { kernelSize, strides, receptiveField } = layer
  return (
    <Figures
      of={[
        [layer.name, words(layer.kind)],
        ['Output', layer.outputShape.join(' × ')],
        ['Window', windowText(kernelSize, strides)],
        ['Receptive field', receptiveField === null ? '–' : `${receptiveField} × ${receptiveField}`],
        ['Parameters', count(layer.parameterCount)],
        ['Multiply-adds', big(layer.multiplyAdds)],
      ]}
    />
  )
}
