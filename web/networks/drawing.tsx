import { useId, useMemo } from 'preact/hooks'
import { count, words } from '../format.ts'
import { type Block, type LayerShape, layOut, middleOf } from './blocks.ts'
import type { Layer } from './documents.ts'
import './networks.css'

interface Props {
  name: string
  inputShape: readonly number[]
  layers: readonly Layer[]
  /** The name of the layer that is looked at. */
  chosen: string | null
  onChoose: (name: string) => void
  onHover: (name: string | null) => void
}

const LABELS = 40

/** A network, drawn from left to right: each block is what a layer makes, as large as its output. Arrows walk along it. */
export function Drawing({ name, inputShape, layers, chosen, onChoose, onHover }: Props) {
  const id = useId()
  const layout = useMemo(() => layOut(inputShape, layers), [inputShape, layers])
  const blocks = layout.groups.flatMap((group) => group.blocks)
  const chosenAt = blocks.findIndex(({ layer, followedBy }) =>
    [layer, ...followedBy].some((it) => it.name === chosen),
  )
  const middle = middleOf(layout)
  const choose = (to: number) => {
    const block = blocks[to]
    if (block === undefined) return
    onChoose(block.layer.name)
    document.getElementById(`${id}-${to}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }
  const walk = (event: KeyboardEvent) => {
    const { key } = event
    const to = { ArrowRight: chosenAt + 1, ArrowLeft: chosenAt - 1, Home: 0, End: blocks.length - 1 }[key]
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    choose(to)
  }
  return (
    <div
      class="scroll"
      role="listbox"
      aria-orientation="horizontal"
      aria-label={`Layers of ${name}`}
      aria-activedescendant={chosenAt === -1 ? undefined : `${id}-${chosenAt}`}
      tabIndex={0}
      onKeyDown={walk}
      onPointerLeave={() => onHover(null)}
    >
      <svg class="network" width={layout.width} height={layout.height + LABELS} role="presentation">
        <Box form="input" x={1} middle={middle} {...layout.input} />
        <Label x={1} y={layout.height} lines={[inputShape.join('×'), 'input']} />
        {blocks.map((block, i) => (
          <g
            key={block.layer.name}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === chosenAt}
            aria-label={spoken(block)}
            onClick={() => choose(i)}
            onPointerEnter={() => onHover(block.layer.name)}
          >
            <Box middle={middle} {...block} />
          </g>
        ))}
        {layout.groups.map(({ x, label, blocks: those }) => (
          <Label key={x} x={x} y={layout.height} lines={[label, summary(those)]} />
        ))}
      </svg>
    </div>
  )
}

/** Words under a group; whoever listens hears those of each layer. */
function Label({ x, y, lines: [first, second] }: { x: number; y: number; lines: [string, string] }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: words cannot be focused
    <g aria-hidden="true">
      <text x={x} y={y + 14}>
        {first}
      </text>
      <text class="faint" x={x} y={y + 30}>
        {second}
      </text>
    </g>
  )
}

/** The same, small and without words, for a list. */
export function Thumbnail({
  inputShape,
  layers,
}: {
  inputShape: readonly number[]
  layers: readonly LayerShape[]
}) {
  const layout = useMemo(() => layOut(inputShape, layers), [inputShape, layers])
  const left = (layout.groups[0]?.x ?? 0) - 2
  return (
    <svg
      class="network thumbnail"
      viewBox={`${left} 0 ${layout.width - left} ${layout.height}`}
      preserveAspectRatio="xMinYMid meet"
      aria-hidden="true"
    >
      {layout.groups
        .flatMap((group) => group.blocks)
        .map((block) => (
          <Box key={block.layer.index} middle={middleOf(layout)} {...block} />
        ))}
    </svg>
  )
}

interface BoxProps {
  form: Block['form'] | 'input'
  x: number
  width: number
  height: number
  depth: number
  middle: number
}

/** A box with its top and its right side, seen from the left above. */
function Box({ form, x, width, height, depth, middle }: BoxProps) {
  const top = middle - height / 2
  const right = x + width
  const points = (...pairs: [number, number][]) =>
    pairs.map((pair) => pair.map((it) => it.toFixed(1)).join()).join(' ')
  return (
    <g class={`box ${form}`}>
      {depth > 0 && (
        <>
          <polygon
            class="top-side"
            points={points([x, top], [x + depth, top - depth], [right + depth, top - depth], [right, top])}
          />
          <polygon
            class="right-side"
            points={points(
              [right, top],
              [right + depth, top - depth],
              [right + depth, top + height - depth],
              [right, top + height],
            )}
          />
        </>
      )}
      <rect class="front" x={x} y={top} width={width} height={height} rx={form === 'dense' ? 3 : 0} />
    </g>
  )
}

function summary(blocks: readonly Block[]): string {
  const convs = blocks.filter(({ form }) => form === 'conv').length
  const dense = blocks.some(({ form }) => form === 'dense')
  const pool = blocks.find(({ form }) => form === 'pool')
  return [
    convs > 0 && `${convs} conv`,
    dense && 'dense',
    pool !== undefined && (pool.layer.kind === 'MAX_POOL' ? 'pool' : 'mean'),
  ]
    .filter(Boolean)
    .join(', ')
}

function spoken({ layer, followedBy }: Block<Layer>): string {
  return [
    `${layer.name}: ${words(layer.kind)}`,
    layer.kernelSize !== null && `window ${layer.kernelSize.join(' by ')}`,
    `output ${layer.outputShape.join(' by ')}`,
    layer.receptiveField !== null && `receptive field ${layer.receptiveField}`,
    layer.parameterCount > 0 && `${count(layer.parameterCount)} parameters`,
    followedBy.length > 0 && `then ${followedBy.map(({ kind }) => words(kind)).join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ')
}
