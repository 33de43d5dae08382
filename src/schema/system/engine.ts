import type { EngineTrial } from '../../engine/ranking.ts'
import type { ENGINE_KINDS, EngineProperty, EngineReport } from '../../engine/report.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

export const EngineKind = builder.enumType('EngineKind', {
  description:
    'What computes: TensorFlow on CUDA or on the CPU, WebGPU, native C++, WebAssembly, plain JavaScript.',
  values: described<(typeof ENGINE_KINDS)[number]>({
    TENSORFLOW_GPU: 'TensorFlow with CUDA, on an NVIDIA GPU.',
    TENSORFLOW_CPU: 'TensorFlow on the processor, where no GPU can be used.',
    WEBGPU: "Any vendor's GPU, through WebGPU.",
    NATIVE: 'Kernels in C++ for this processor, on all its cores.',
    WASM: 'WebAssembly, on one core of any processor.',
    CPU: 'Plain JavaScript: slow, and there on every machine.',
  }),
})

export const EnginePropertyEnum = builder.enumType('EngineProperty', {
  description: 'A property in which two engines can differ, and then compute other numbers.',
  values: {
    KIND: { value: 'kind', description: 'The engine itself, such as NATIVE or WASM.' },
    PROCESSOR: { value: 'processor', description: 'The processor or GPU by its name.' },
    INSTRUCTION_SET: {
      value: 'instructionSet',
      description: 'What does the arithmetic, such as AVX-512: another one rounds otherwise.',
    },
    THREADS: { value: 'threads', description: 'The number of threads, which decides the order of sums.' },
  } satisfies Record<string, { value: EngineProperty; description: string }>,
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
