import { cpus } from 'node:os'

/** The processor in words, as the system calls it: "AMD EPYC 9654 96-Core Processor". */
export function processorName(): string {
  // Virtual machines pad the model string with blanks; some ARM kernels give none.
  const model = cpus()[0]?.model.replace(/\s+/g, ' ').trim()
  return model || `${process.arch} processor`
}
