import type { Architecture } from '../../src/zoo/architecture.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../src/zoo/fit.ts'
import { UsageError } from './bench.ts'

/** A network of the zoo as it trains on CIFAR-10. */
export function trainable(name: string): Architecture {
  const architecture = findArchitecture(name)
  if (architecture === undefined) throw new UsageError(`There is no architecture ${name}.`)
  return fitArchitecture(architecture, [32, 32, 3], 10)
}

/** The same network without dropout, whose masks no two libraries draw alike. */
export function withoutDropout(architecture: Architecture): Architecture {
  return { ...architecture, head: { ...architecture.head, dropout: 0 } }
}
