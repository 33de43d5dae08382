import { readFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { memoryModelOf } from '../../../src/engine/memory-models.ts'
import { ENGINE_KINDS } from '../../../src/engine/report.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { formatFeatures, parseFeatures, readFeatures } from '../../../src/zoo/features.ts'
import { readLayers } from '../../../src/zoo/formats/keras-layers.ts'
import { standardLayers } from '../../../src/zoo/formats/standard-layers.ts'
import { outlineOf } from '../../../src/zoo/layer-memory.ts'
import type { LayerKind } from '../../../src/zoo/layers/kind.ts'
import { type Feature, LAYER_KINDS, NOTATIONS } from '../../../src/zoo/layers/kinds.ts'
import { LayersModelError } from '../../../src/zoo/layers-model-error.ts'
import { buildModel, layersOf, variableOf } from '../../../src/zoo/model.ts'
import { torchTensors } from '../../../src/zoo/torch-layout.ts'
import { useBackend } from '../../support/backend.ts'

const network = (features: string): Architecture => ({
  name: 'all kinds',
  title: 'All kinds',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures(features),
  batchNorm: true,
  inputShape: [12, 12, 3],
  classes: 4,
  head: { kind: 'pooled', size: 5, hidden: [6], dropout: 0.5 },
})
const everything = network('4,4:lrn,+1,M,8x1')
const { layers } = analyze(everything)
const kinds: readonly LayerKind<string, Feature>[] = LAYER_KINDS

beforeAll(() => useBackend('cpu'))

describe.each(kinds.map((kind) => [kind.name, kind] as const))('a layer of kind %s', (name, kind) => {
  // A new kind stands in this network, in the schema's enum, and has all parts of its own.
  const layer = layers.find((it) => it.kind === name)!

  it('is in a network, with a title, a label and a description for people', () => {
    expect(layer).toBeDefined()
    expect(kind.title).toMatch(/^\S.*\S$/)
    expect(kind.description).toMatch(/^[A-Z].*\.$/)
    expect(kind.label(layer)).not.toMatch(/undefined|null/)
  })

  it('is a value of the schema, described, where a list can ask for it', () => {
    const schema = readFileSync(new URL('../../../schema.graphql', import.meta.url), 'utf8')
    const [, values] = /^enum LayerKind \{\n(.*?)^\}/ms.exec(schema)!
    const isShown = new RegExp(`^ {2}${name}$`, 'm').test(values!)
    expect(isShown).toBe(kind.notation?.internal !== true)
    expect(values!.includes(kind.description)).toBe(isShown)
  })

  it('is written and read alike where it is an entry of the list', () => {
    if (kind.notation === null) return
    const features = everything.features.filter((it) => it.kind === kind.notation!.feature)
    expect(features.length).toBeGreaterThan(0)
    for (const feature of features) {
      expect(kind.notation.read(kind.notation.write(feature))).toEqual(feature)
      expect(kind.notation.check(feature, 3)).toBeNull()
    }
  })

  it('is built with the shape, the variables and the trainable parameters that it says', () => {
    if (kind.build === null) return
    const model = buildModel(everything)
    const built = layersOf(model).find(({ info }) => info.name === layer.name)!.layer
    expect(built.outputShape).toEqual([null, ...layer.outputShape])
    const own = torchTensors(everything).filter((tensor) => tensor.layer === layer.name)
    expect(built.weights).toHaveLength(own.length)
    expect(own.length > 0).toBe(kind.variables !== null)
    for (const tensor of own)
      expect(variableOf(built, tensor.variable).shape.toSorted()).toEqual(tensor.shape.toSorted())
    const sizes = built.trainableWeights.map(({ shape }) => tf.util.sizeFromShape(shape as number[]))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(layer.parameterCount)
    model.dispose()
  })

  it('is taken by no fused operation but one whose engine knows it', () => {
    for (const { fusing } of kinds) {
      if (fusing === null || !('takes' in fusing) || !fusing.takes.includes(name)) continue
      expect(kind.fusing).toMatchObject({ after: expect.any(String) })
    }
  })

  it('has standard layers, or says in a sentence that it has none', () => {
    if (typeof kind.standard === 'string') {
      expect(kind.standard).toMatch(/^[A-Z].*safetensors.*\.$/)
      return
    }
    for (const it of kind.standard(layer)) {
      expect(it).toMatchObject({ name: expect.stringContaining(layer.name), className: expect.any(String) })
      expect(tf.serialization.SerializationMap.getMap().classNameMap).toHaveProperty(it.className)
    }
  })

  it('is read from its standard layers as what it is', () => {
    if (typeof kind.standard === 'string') return
    const own = kind.standard(layer)
    const inFile = own.map(({ className, name, config }) => ({
      className,
      name,
      within: [],
      config: { ...config },
    }))
    const found = readLayers(inFile, layer.inputShape)
    expect(found.map((it) => [it.kind, it.settings])).toEqual(
      own.filter((it) => it.isIdle !== true).map((it) => [it.kind, it.settings]),
    )
  })

  it('has a name of Keras exactly when it has variables', () => {
    expect(kind.keras.name !== undefined).toBe(kind.variables !== null)
  })

  it('says how its tensors look in a file exactly when it has variables', () => {
    const own = torchTensors(everything).filter((tensor) => tensor.layer === layer.name)
    expect(Object.keys(kind.tensors?.names ?? {})).toEqual(own.map(({ variable }) => variable))
    expect(kind.tensors?.rank ?? 0).toBe(Math.max(0, ...own.map(({ shape }) => shape.length)))
  })
})

describe('the catalogue', () => {
  it('has every kind once, and every notation', () => {
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length)
    expect(new Set(NOTATIONS.map(({ feature }) => feature)).size).toBe(NOTATIONS.length)
    expect(formatFeatures(parseFeatures(' 4,4:LRN,+1, m,8X1'))).toBe('4,4:lrn,+1,M,8x1')
  })

  it('lets a person write what is not internal, and says what that is', () => {
    const messages: string[] = []
    const read = readFeatures(['64', '+2', 'M'], ({ message }) => messages.push(message))
    expect(read).toEqual(parseFeatures('64,M'))
    expect(messages).toEqual([
      'Feature list, entry 2 ("+2"): expected a width (64), a 1x1 convolution (64x1), 64:lrn or M.',
    ])
  })

  it('tells every engine what a network takes', () => {
    const training = {
      ...outlineOf(network('4,4,M,8')),
      ...{ batchSize: 8, evaluationBatch: 8, weights: 4000, largestWeight: 400, optimizer: 0, stepCopies: 2 },
    }
    for (const kind of [...ENGINE_KINDS, null]) {
      const { activations, workspace } = memoryModelOf(kind).of(training)
      expect(activations).toBeGreaterThan(4 * 8 * training.inputSize)
      expect(workspace).toBeGreaterThan(0)
    }
  })

  it('refuses a LayersModel of a network that has a kind without standard layers', () => {
    for (const features of ['4:lrn,M', '4,4,+1'])
      expect(() => standardLayers(network(features))).toThrow(LayersModelError)
    expect(standardLayers(network('4,4,M')).length).toBeGreaterThan(10)
  })
})
