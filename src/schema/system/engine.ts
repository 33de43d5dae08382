import type { EngineTrial } from '../../engine/ranking.ts'
import {
  ENGINE_KINDS,
  ENGINE_PROPERTIES,
  type EngineProperty,
  type EngineReport,
} from '../../engine/report.ts'
import { builder } from '../builder/builder.ts'

export const EngineKind = builder.enumType('EngineKind', {
  description:
    'What computes: TensorFlow on CUDA or on the CPU, WebGPU, native C++, WebAssembly, plain JavaScript.',
  values: ENGINE_KINDS,
})

const SCREAMING = {
  kind: 'KIND',
  processor: 'PROCESSOR',
  instructionSet: 'INSTRUCTION_SET',
  threads: 'THREADS',
} as const

export const EnginePropertyEnum = builder.enumType('EngineProperty', {
  description: 'What of an engine can be another one, and make other numbers.',
  values: Object.fromEntries(
    ENGINE_PROPERTIES.map((property) => [SCREAMING[property], { value: property }]),
  ) as Record<(typeof SCREAMING)[EngineProperty], { value: EngineProperty }>,
})

const EngineNotTaken = builder.objectRef<EngineReport['notTaken'][number]>('EngineNotTaken').implement({
  description: 'A better engine that was not taken.',
  fields: (t) => ({
    engine: t.exposeString('engine', { description: 'Its name as the variable ENGINE takes it.' }),
    reason: t.exposeString('reason', { description: 'Why it was not taken.' }),
  }),
})

export const EngineRef = builder.objectRef<EngineReport>('Engine').implement({
  description: 'What computes, and on what device.',
  fields: (t) => ({
    kind: t.expose('kind', { type: EngineKind, description: 'The engine.' }),
    device: t.exposeString('device', { description: 'The device in words: all of what follows.' }),
    processor: t.exposeString('processor', { description: 'The processor or GPU by its name.' }),
    instructionSet: t.exposeString('instructionSet', {
      description: 'What does the arithmetic there, such as AVX-512, WebAssembly SIMD or CUDA.',
    }),
    threads: t.exposeInt('threads', { nullable: true, description: 'Null where the engine does not say.' }),
    notTaken: t.expose('notTaken', {
      type: [EngineNotTaken],
      description: 'Better engines that were not taken, best first.',
    }),
  }),
})

export const EngineTrialRef = builder.objectRef<EngineTrial>('EngineTrial').implement({
  description: 'How an engine did when it was tried on this machine.',
  fields: (t) => ({
    engine: t.exposeString('engine', { description: 'Its name as the variable ENGINE takes it.' }),
    imagesPerSecond: t.exposeFloat('imagesPerSecond', {
      nullable: true,
      description: 'Images of vgg_mini trained in a second; null for an engine that failed.',
    }),
    failure: t.exposeString('failure', {
      nullable: true,
      description: 'Why it failed; null for an engine that has a figure.',
    }),
  }),
})
