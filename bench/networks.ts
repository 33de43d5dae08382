import type { Architecture } from '../src/zoo/architecture.ts'
import { findArchitecture } from '../src/zoo/catalog.ts'
import { fitArchitecture } from '../src/zoo/fit.ts'

/** A network of the zoo as it trains on CIFAR-10. */
export function trainable(name: string): Architecture {
  const architecture = findArchitecture(name)
  if (architecture === undefined) throw new Error(`There is no architecture ${name}.`)
  return fitArchitecture(architecture, [32, 32, 3], 10)
}
