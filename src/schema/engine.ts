import { ENGINE_KINDS, type EngineReport } from '../engine/report.ts'
import { builder } from './builder.ts'

export const EngineKind = builder.enumType('EngineKind', {
  description:
    'What computes: TensorFlow on CUDA or on the CPU, WebGPU, native C++, WebAssembly, plain JavaScript.',
  values: ENGINE_KINDS,
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
    device: t.exposeString('device', { description: 'The device in words.' }),
    notTaken: t.expose('notTaken', {
      type: [EngineNotTaken],
      description: 'Better engines that were not taken, best first.',
    }),
  }),
})
