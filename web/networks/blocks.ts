/** What is drawn of a layer. */
export interface LayerShape {
  index: number
  name: string
  kind: string
  outputShape: readonly number[]
}

/** What is drawn of a network: the layers that change the shape of what comes in. The others belong to the one before. */
export interface Block<Layer extends LayerShape = LayerShape> {
  layer: Layer
  form: 'conv' | 'pool' | 'dense'
  /** ReLU, batch norm and their like, which keep the shape. */
  followedBy: Layer[]
  x: number
  width: number
  height: number
  /** Of its side, drawn aslant. */
  depth: number
}

/** Blocks between two pools, and what they leave. */
export interface Group<Layer extends LayerShape = LayerShape> {
  blocks: Block<Layer>[]
  x: number
  width: number
  label: string
}

export interface Layout<Layer extends LayerShape = LayerShape> {
  groups: Group<Layer>[]
  input: { width: number; height: number; depth: number }
  width: number
  height: number
}

const FORMS: Partial<Record<string, Block['form']>> = {
  CONV: 'conv',
  MAX_POOL: 'pool',
  ADAPTIVE_AVG_POOL: 'pool',
  DENSE: 'dense',
}

const TALLEST = 150
const SHORTEST = 9
const SLANT = 0.3
const POOL_WIDTH = 7
const DENSE_WIDTH = 12
/** Between the blocks of a group, and between groups. */
const GAP = 5
const GROUP_GAP = 18
/** Room for a label such as 224×224×64. */
const LABEL_WIDTH = 78

/** Areas grow with the cells of the output, and widths with its channels: by their roots, so that the last are still seen. */
export function layOut<Layer extends LayerShape>(
  inputShape: readonly number[],
  layers: readonly Layer[],
): Layout<Layer> {
  const most = Math.max(...inputShape.slice(0, 2))
  const edge = (pixels: number) => Math.max(SHORTEST, TALLEST * Math.sqrt(pixels / most))
  const mostUnits = Math.max(
    1,
    ...layers.map(({ outputShape }) => (outputShape.length === 1 ? outputShape[0]! : 0)),
  )
  const blockOf = (layer: Layer, form: Block['form']): Block<Layer> => {
    const [first = 1, , channels = 1] = layer.outputShape
    if (form === 'dense') {
      const height = Math.max(SHORTEST, 0.75 * TALLEST * Math.sqrt(first / mostUnits))
      return { layer, form, followedBy: [], x: 0, width: DENSE_WIDTH, height, depth: 0 }
    }
    const width = form === 'pool' ? POOL_WIDTH : Math.min(48, 5 + 1.1 * Math.sqrt(channels))
    return { layer, form, followedBy: [], x: 0, width, height: edge(first), depth: SLANT * edge(first) }
  }

  const groups: Group<Layer>[] = []
  let group: Group<Layer> | null = null
  let before: Block<Layer> | null = null
  for (const layer of layers) {
    const form = FORMS[layer.kind]
    if (form === undefined) {
      before?.followedBy.push(layer)
      continue
    }
    if (group === null || form === 'dense' || before?.form === 'pool') {
      group = { blocks: [], x: 0, width: 0, label: '' }
      groups.push(group)
    }
    before = blockOf(layer, form)
    group.blocks.push(before)
  }

  const height = edge(most)
  const input = { width: 4, height, depth: SLANT * height }
  let x = Math.max(LABEL_WIDTH, input.width + input.depth) + GROUP_GAP
  for (const it of groups) {
    it.x = x
    let at = x
    for (const block of it.blocks) {
      block.x = at
      at += block.width + GAP
    }
    const last = it.blocks.at(-1)!
    const widest = Math.max(...it.blocks.map((block) => block.x + block.width + block.depth)) - x
    it.width = Math.max(widest, last.form === 'dense' ? 44 : LABEL_WIDTH)
    it.label = (it.blocks.findLast(({ form }) => form === 'conv') ?? last).layer.outputShape.join('×')
    x += it.width + GROUP_GAP
  }
  return { groups, input, width: x, height: TALLEST * (1 + SLANT) + 8 }
}

/** The height at which all blocks have their middle. */
export function middleOf({ height }: Layout): number {
  return height - TALLEST / 2
}
