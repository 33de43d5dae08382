import { describe, expect, it } from 'vitest'
import { layOut } from '../../../web/networks/blocks.ts'

const layer = (index: number, kind: string, ...outputShape: number[]) => ({
  index,
  name: `${kind} ${index}`,
  kind,
  outputShape,
})

const LAYERS = [
  layer(0, 'CONV', 32, 32, 16),
  layer(1, 'BATCH_NORM', 32, 32, 16),
  layer(2, 'RELU', 32, 32, 16),
  layer(3, 'MAX_POOL', 16, 16, 16),
  layer(4, 'CONV', 16, 16, 64),
  layer(5, 'RELU', 16, 16, 64),
  layer(6, 'CONV', 16, 16, 64),
  layer(7, 'LRN', 16, 16, 64),
  layer(8, 'MAX_POOL', 8, 8, 64),
  layer(9, 'FLATTEN', 4096),
  layer(10, 'DENSE', 128),
  layer(11, 'RELU', 128),
  layer(12, 'DENSE', 10),
  layer(13, 'SOFTMAX', 10),
]

describe('the picture of a network', () => {
  const { groups, width } = layOut([32, 32, 3], LAYERS)
  const blocks = groups.flatMap((group) => group.blocks)

  it('groups what lies between two pools, and lets each dense layer stand alone', () => {
    expect(groups.map((group) => group.blocks.map(({ layer: { kind } }) => kind))).toEqual([
      ['CONV', 'MAX_POOL'],
      ['CONV', 'CONV', 'MAX_POOL'],
      ['DENSE'],
      ['DENSE'],
    ])
    expect(groups.map(({ label }) => label)).toEqual(['32×32×16', '16×16×64', '128', '10'])
  })

  it('draws every layer once: what keeps the shape belongs to the block before it', () => {
    const drawn = blocks.flatMap((block) => [block.layer, ...block.followedBy])
    expect(drawn.map(({ index }) => index)).toEqual(LAYERS.map(({ index }) => index))
  })

  it('makes blocks as high as their output is, and as wide as it has channels', () => {
    const [first, pool, second] = blocks
    expect(first!.height).toBeGreaterThan(pool!.height)
    expect(second!.height).toBe(pool!.height)
    expect(second!.width).toBeGreaterThan(first!.width)
  })

  it('lets no group overlap the next one', () => {
    for (const [i, group] of groups.entries()) {
      const end = Math.max(...group.blocks.map((block) => block.x + block.width + block.depth))
      expect(end).toBeLessThanOrEqual(groups[i + 1]?.x ?? width)
    }
  })

  it('draws a network of dense layers alone', () => {
    const dense = layOut([8, 8, 3], [layer(0, 'FLATTEN', 192), layer(1, 'DENSE', 10)])
    expect(dense.groups.map(({ label }) => label)).toEqual(['10'])
  })
})
