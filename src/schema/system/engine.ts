import type { EngineTrial } from '../../engine/ranking.ts'
import type { ENGINE_KINDS, EngineProperty, EngineReport } from '../../engine/report.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

export const EngineKind = builder.enumType('EngineKind', {
  description:
    'Kind of engine: TensorFlow on CUDA or on the CPU, WebGPU, native C++, WebAssembly, plain JavaScript.',
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
    PROCESSOR: { value: 'processor', description: 'The name of the processor or GPU.' },
    INSTRUCTION_SET: {
      value: 'instructionSet',
      description:
        'The instruction set that does the arithmetic, such as AVX-512: another one rounds otherwise.',
    },
    THREADS: { value: 'threads', description: 'The number of threads, which decides the order of sums.' },
  } satisfies Record<string, { value: EngineProperty; description: string }>,
})

const EngineNotTaken = builder.objectRef<EngineReport['notTaken'][number]>('EngineNotTaken').implement({
  description: 'An engine that would have come first but was not taken, and why.',
  fields: (t) => ({
    engine: t.exposeString('engine', { description: 'Name of the engine, as the setting ENGINE takes it.' }),
    reason: t.exposeString('reason', { description: 'Why it was not taken.' }),
  }),
})

export const EngineRef = builder.objectRef<EngineReport>('Engine').implement({
  description: 'Engine at work: a backend of TensorFlow.js on its device.',
  fields: (t) => ({
    kind: t.expose('kind', { type: EngineKind, description: 'Kind of engine.' }),
    device: t.exposeString('device', {
      description: 'Device in words, with processor, instruction set and threads.',
    }),
    processor: t.exposeString('processor', { description: 'Name of the processor or GPU.' }),
    instructionSet: t.exposeString('instructionSet', {
      description: 'Instruction set that does the arithmetic, such as AVX-512, WebAssembly SIMD or CUDA.',
    }),
    threads: t.exposeInt('threads', {
      nullable: true,
      description: 'Number of threads; null where the engine does not say.',
    }),
    notTaken: t.expose('notTaken', {
      type: [EngineNotTaken],
      description: 'Engines that would have come first but were not taken, and why, best first.',
    }),
  }),
})

export const EngineTrialRef = builder.objectRef<EngineTrial>('EngineTrial').implement({
  description: 'Result of timing an engine on this machine.',
  fields: (t) => ({
    engine: t.exposeString('engine', { description: 'Name of the engine, as the setting ENGINE takes it.' }),
    imagesPerSecond: t.exposeFloat('imagesPerSecond', {
      nullable: true,
      description: 'Training speed with vgg_mini, in images per second; null for an engine that failed.',
    }),
    failure: t.exposeString('failure', {
      nullable: true,
      description: 'Why it failed; null for an engine that has a figure.',
    }),
  }),
})
