import type { ModelRef } from './protocol.ts'

/** Numbers for models: the same for the same weights with the same network and preprocessing. */
export interface ModelNames {
  numberOf(ref: ModelRef): number
  refOf(model: number): ModelRef
}

export function createModelNames(): ModelNames {
  const numbers = new Map<string, number>()
  const refs: ModelRef[] = []
  // Whoever keeps a reference has its number without its JSON.
  const known = new WeakMap<ModelRef, number>()
  return {
    numberOf(ref) {
      const found = known.get(ref)
      if (found !== undefined) return found
      const plain = plainModel(ref)
      const key = JSON.stringify(plain)
      const number = numbers.get(key) ?? refs.push(plain) - 1
      numbers.set(key, number)
      known.set(ref, number)
      return number
    },
    refOf: (model) => refs[model]!,
  }
}

/** Only what is needed crosses to a process, whatever else the caller's object carries. */
function plainModel({
  digest,
  architecture,
  preprocessing: { size, resize, mean, std, labels },
}: ModelRef): ModelRef {
  return { digest, architecture, preprocessing: { size, resize, mean, std, labels } }
}
